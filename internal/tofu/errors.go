package tofu

import (
	"fmt"
	"strings"
)

// Error says how a command failed.
type Error struct {
	// Command is the command's name: init, plan, apply, validate, output.
	Command string
	// Status is how it ended: "exit status 1", "signal: killed".
	Status string
	// Diagnostics are the errors and warnings of its stream, as they came.
	Diagnostics []Diagnostic
	// Stderr is the end of what it wrote there: a crash, for instance. It
	// may hold anything.
	Stderr string
	// Interrupted is true when the context ended and the command with it.
	Interrupted bool
	// Killed is true when it did not end within the grace.
	Killed bool
	// OutOfMemory is true when it ended because it got no more memory
	// (MaxMemory).
	OutOfMemory bool
}

// Error is for logs of people who may see secrets: it quotes diagnostics.
func (e *Error) Error() string {
	var what strings.Builder
	fmt.Fprintf(&what, "tofu %s: %s", e.Command, e.Status)
	switch {
	case e.Killed:
		what.WriteString(" (it did not end in time)")
	case e.Interrupted:
		what.WriteString(" (interrupted)")
	}
	for _, d := range Errors(e.Diagnostics) {
		what.WriteString("; " + d.Summary)
	}
	return what.String()
}
