package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"k8s.io/utils/clock"
)

// offsetClock is the path of the file that says how wrong the clock is.
type offsetClock string

var _ clock.PassiveClock = offsetClock("")

// Now is without a monotonic reading, which would not take part in the jumps.
func (c offsetClock) Now() time.Time { return time.Now().Round(0).Add(c.offset()) }

// Since is how long ago something was, as this clock sees it.
func (c offsetClock) Since(t time.Time) time.Duration { return c.Now().Sub(t) }

// offset ends the program if there is none: a test that believes that the clock
// jumps must not go on with one that does not.
func (c offsetClock) offset() time.Duration {
	text, err := os.ReadFile(string(c))
	if err == nil {
		var offset time.Duration
		if offset, err = time.ParseDuration(strings.TrimSpace(string(text))); err == nil {
			return offset
		}
	}
	panic(fmt.Sprintf("reading the clock's offset: %v", err))
}
