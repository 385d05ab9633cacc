package tofu

import (
	"fmt"
	"strings"
)

// Error says how a command failed.
type Error struct {
	// Command is the command's name: init, plan, apply, validate, output.
	Command string
	// ExitCode is -1 when a signal ended the command.
	ExitCode int
	// Diagnostics are the errors and warnings of its stream, as they came.
	Diagnostics []Diagnostic
	// Stderr is the end of what it wrote there: a crash, for instance. It
	// may hold anything.
	Stderr string
	// Interrupted is true when the context ended and the command with it.
	Interrupted bool
	// Killed is true when it did not end within the grace.
	Killed bool
}

// Error is for logs of people who may see secrets: it quotes diagnostics.
func (e *Error) Error() string {
	var what strings.Builder
	fmt.Fprintf(&what, "tofu %s ended with exit code %d", e.Command, e.ExitCode)
	switch {
	case e.Killed:
		what.WriteString(", killed")
	case e.Interrupted:
		what.WriteString(", interrupted")
	}
	for _, d := range Errors(e.Diagnostics) {
		what.WriteString("; " + d.Summary)
	}
	return what.String()
}
