package chaos

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/captproject/capt/test/chaos/proxy"
)

// tellProgress says every now and then how it stands.
func (w *world) tellProgress(ctx context.Context, t *tormentor, o *watcher, m *managers) error {
	for pass(ctx, 15*time.Second) {
		defects, err := w.allDefects(ctx, w.planes)
		if err != nil {
			break // it has just ended
		}
		written, wrongs, _ := o.seen()
		w.say("%d faults in requests, %d kills, %d stops, %d jumps, %d damages, %d versions by CAPT, %d wrongs; %d of %d right now",
			w.faultsSoFar(), m.kills.Load(), m.freezes.Load(), m.jumps.Load(), t.total(), written, len(wrongs),
			len(w.planes)-len(defects), len(w.planes))
	}
	return nil
}

func (w *world) faultsSoFar() int {
	sum := 0
	for _, p := range []*proxy.Proxy{w.front, w.side} {
		for fault, count := range p.Counts() {
			if fault != proxy.None {
				sum += count
			}
		}
	}
	return sum
}

// report says what was done, by kind.
func (w *world) report(t *tormentor, m *managers, written int) {
	for name, p := range map[string]*proxy.Proxy{"CAPT to the management cluster": w.front, "all to the clusters": w.side} {
		counts := p.Counts()
		parts := []string{fmt.Sprintf("%s %d", proxy.None, counts[proxy.None])}
		for _, fault := range proxy.Faults() {
			parts = append(parts, fmt.Sprintf("%s %d", fault, counts[fault]))
		}
		w.say("requests of %s: %s", name, strings.Join(parts, ", "))
	}
	w.say("managers: killed %d, stopped for a while %d, ended in all %d; jumps of their clocks %d",
		m.kills.Load(), m.freezes.Load(), m.ends.Load(), m.jumps.Load())
	w.say("Secrets: %s; CAPT wrote %d versions", t, written)
}
