package toolbox

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

const (
	liveInterval  = time.Second
	plainInterval = 30 * time.Second
)

// progress tells a person which build is running and for how long: one line
// that is rewritten on a terminal, plain lines elsewhere.
type progress struct {
	out      io.Writer
	live     bool
	interval time.Duration
	total    int

	mu      sync.Mutex
	number  int
	name    string
	stage   string
	started time.Time
}

func newProgress(out io.Writer, total int) *progress {
	p := &progress{out: out, interval: plainInterval, total: total}
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		p.live, p.interval = true, liveInterval
	}
	return p
}

// follow shows one piece of work from its start to its end. work names its
// stages as they come and returns how it ended, in words.
func (p *progress) follow(name string, work func(stage func(string)) (string, error)) error {
	p.mu.Lock()
	p.number++
	p.name, p.stage, p.started = name, "", time.Now()
	p.mu.Unlock()

	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		p.tick(done)
	}()
	outcome, err := work(p.setStage)
	close(done)
	<-ended

	if err != nil {
		outcome = "failed"
	}
	p.print(fmt.Sprintf("%s after %s", outcome, p.elapsed()), true)
	return err
}

func (p *progress) tick(done <-chan struct{}) {
	ticker := time.NewTicker(p.interval)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
			p.mu.Lock()
			stage := p.stage
			p.mu.Unlock()
			p.print(fmt.Sprintf("%s, %s so far", stage, p.elapsed()), false)
		}
	}
}

// setStage may be called again with the same stage; only a change is shown.
func (p *progress) setStage(stage string) {
	p.mu.Lock()
	changed := p.stage != stage
	p.stage = stage
	p.mu.Unlock()
	if changed {
		p.print(stage, false)
	}
}

func (p *progress) elapsed() time.Duration {
	return time.Since(p.started).Round(time.Second)
}

// print shows a line, which on a terminal the next one overwrites unless it is
// the last about this piece of work.
func (p *progress) print(text string, last bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := fmt.Sprintf("[%d/%d] %s: %s", p.number, p.total, p.name, text)
	switch {
	case !p.live:
		line += "\n"
	case last:
		line = "\r\x1b[K" + line + "\n"
	default:
		line = "\r\x1b[K" + line
	}
	_, _ = io.WriteString(p.out, line)
}
