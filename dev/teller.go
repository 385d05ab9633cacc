package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

const (
	liveInterval = 200 * time.Millisecond
	// heartbeat is how long plain output may be silent.
	heartbeat = 15 * time.Second
)

// teller tells a person what happens, each line with the seconds since the
// beginning. While something is waited for, a terminal shows a last line that
// is redrawn; elsewhere a plain line says so after every heartbeat of silence.
type teller struct {
	out     io.Writer
	width   func() int // of the terminal; nil for anything else
	started time.Time

	mu sync.Mutex
	// waiting is what is waited for, in words; empty while nothing is.
	waiting  string
	lastLine time.Time
}

func newTeller(out *os.File) *teller {
	t := &teller{out: out, started: time.Now(), lastLine: time.Now()}
	if fd := int(out.Fd()); term.IsTerminal(fd) {
		t.width = func() int {
			width, _, err := term.GetSize(fd)
			if err != nil {
				return 80
			}
			return width
		}
	}
	return t
}

// elapsed is the time since the beginning.
func (t *teller) elapsed() time.Duration { return time.Since(t.started) }

// say prints a line.
func (t *teller) say(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.clear()
	t.line(fmt.Sprintf(format, args...))
	t.draw()
}

// lines says each of the lines.
func (t *teller) lines(lines []string) {
	for _, line := range lines {
		t.say("%s", line)
	}
}

// Write says each line of what others print.
func (t *teller) Write(text []byte) (int, error) {
	for line := range bytes.Lines(text) {
		t.say("  %s", bytes.TrimRight(line, "\n"))
	}
	return len(text), nil
}

// await sets what is waited for until the next call; empty for nothing.
func (t *teller) await(what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting = what
	t.clear()
	t.draw()
}

// beat keeps the person informed until stop is called.
func (t *teller) beat() (stop func()) {
	interval := heartbeat / 5
	if t.width != nil {
		interval = liveInterval
	}
	ticker := time.NewTicker(interval)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				t.tick()
			}
		}
	}()
	return func() {
		ticker.Stop()
		close(done)
		<-ended
		t.await("")
	}
}

func (t *teller) tick() {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.width != nil:
		t.clear()
		t.draw()
	case t.waiting != "" && time.Since(t.lastLine) >= heartbeat:
		t.line("  still waiting for " + t.waiting)
	}
}

func (t *teller) line(text string) {
	_, _ = fmt.Fprintf(t.out, "%6.1f s  %s\n", t.elapsed().Seconds(), text)
	t.lastLine = time.Now()
}

// clear removes the live line.
func (t *teller) clear() {
	if t.width != nil {
		_, _ = io.WriteString(t.out, "\r\x1b[K")
	}
}

// draw draws the live line, cut so that it stays one line.
func (t *teller) draw() {
	if t.width == nil || t.waiting == "" {
		return
	}
	line := []rune(fmt.Sprintf("%6.1f s  … waiting for %s", t.elapsed().Seconds(), t.waiting))
	_, _ = io.WriteString(t.out, string(line[:min(len(line), t.width()-1)]))
}
