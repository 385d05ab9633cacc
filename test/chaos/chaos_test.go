package chaos

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/captproject/capt/test/chaos/proxy"
)

// calm is how long anything may take while no faults are thrown and nobody
// counts the seconds.
const calm = 5 * time.Minute

func TestEveryControlPlaneKeepsItsKubeconfig(t *testing.T) {
	log.SetLogger(logr.Discard())
	w := newWorld(t)
	tormentor := newTormentor(w)
	watcher := newWatcher(w, tormentor)
	managers := newManagers(w)
	// What goes on until the end, faults or not.
	background := w.background(managers.keep)
	watch, err := watcher.begin(background, w.client)
	w.Expect(err).NotTo(HaveOccurred())
	w.inBackground(background, watch)
	w.record(background)

	early := w.planes[:len(w.planes)*2/3]
	for _, p := range early {
		w.Expect(w.bear(w.ctx, p)).To(Succeed())
	}
	w.say("waiting for the first %d of %d control planes", len(early), len(w.planes))
	w.awaitRight(early, calm)

	w.say("faults for %s", w.faults)
	w.storm(tormentor, watcher, managers, w.planes[len(early):])
	w.say("faults have ended")
	took := w.awaitRight(w.planes, w.patience)
	w.say("%d of %d control planes are right %.1f s after the faults, %s were allowed", len(w.planes), len(w.planes), took.Seconds(), w.patience)

	written, wrongs, secrets := watcher.seen()
	w.report(tormentor, managers, written)
	if len(wrongs) > 0 {
		// What comes next is worth knowing all the same.
		t.Errorf("what CAPT must not have done:\n%s", strings.Join(wrongs, "\n"))
	}
	w.expectForeignUntouched()
	w.expectChaos(tormentor, managers, written)
	secrets = append(secrets, w.front.Key(), string(w.env.Config.KeyData))
	w.expectVersions()
	c, err := newChips(secrets)
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(w.shown(w.ctx, c)).To(BeEmpty(), "these show a secret")
	w.deleteAll()
}

// storm throws all faults for as long as is wanted, while the other control
// planes are made.
func (w *world) storm(t *tormentor, o *watcher, m *managers, late []*plane) {
	ctx, cancel := context.WithTimeout(w.ctx, w.faults)
	defer cancel()
	w.throw(true)
	group, ctx := errgroup.WithContext(ctx)
	for _, run := range []func(context.Context) error{
		t.run, m.disturb, m.jump,
		func(ctx context.Context) error { return w.bearAll(ctx, late) },
		func(ctx context.Context) error { return w.tellProgress(ctx, t, o, m) },
	} {
		group.Go(func() error { return run(ctx) })
	}
	err := group.Wait()
	w.throw(false)
	w.Expect(err).NotTo(HaveOccurred())
}

// bear makes one Cluster with its control plane.
func (w *world) bear(ctx context.Context, p *plane) error {
	cluster := p.newCluster()
	if err := w.client.Create(ctx, cluster); err != nil {
		return fmt.Errorf("create Cluster %s: %w", p.cluster, err)
	}
	if err := w.client.Create(ctx, p.newControlPlane(cluster)); err != nil {
		return fmt.Errorf("create CAPTControlPlane %s: %w", p.name, err)
	}
	return nil
}

// bearAll makes the control planes in the first half of the faults.
func (w *world) bearAll(ctx context.Context, planes []*plane) error {
	if len(planes) == 0 {
		return nil
	}
	chance := w.chance("births")
	apart := w.faults / time.Duration(len(planes))
	for _, p := range planes {
		pass(ctx, chance.between(0, apart))
		if err := w.bear(context.WithoutCancel(ctx), p); err != nil {
			return err
		}
	}
	return nil
}

// expectChaos fails if there was none of some kind.
func (w *world) expectChaos(t *tormentor, m *managers, written int) {
	front, side := w.front.Counts(), w.side.Counts()
	for _, fault := range proxy.Faults() {
		w.Expect(front[fault]).NotTo(BeZero(), "requests of CAPT that were %s", fault)
	}
	sum := 0
	for _, fault := range proxy.Faults() {
		sum += side[fault]
	}
	w.Expect(sum).NotTo(BeZero(), "faults of the clusters")
	for _, d := range damages {
		w.Expect(t.counts[d.name]).NotTo(BeZero(), "Secrets that were %s", d.name)
	}
	w.Expect(m.kills.Load()).NotTo(BeZero(), "managers killed")
	w.Expect(m.jumps.Load()).NotTo(BeZero(), "jumps of a clock")
	w.Expect(written).To(BeNumerically(">", 3*len(w.planes)), "versions that CAPT wrote")
	// Each damage is repaired once, and what is renewed, more often when a clock
	// jumps, is not renewed without end.
	damaged := 0
	for _, count := range t.counts {
		damaged += count
	}
	perMinute := 4 * len(w.planes)
	w.Expect(written).To(BeNumerically("<", 2*damaged+3*len(w.planes)+int(w.faults.Minutes()+1)*perMinute), "versions that CAPT wrote")
}
