package contract

import (
	"fmt"
	"strings"
)

// The reasons an Error can carry.
const (
	// ReasonOutputsUnreadable: the document is not what `tofu output -json` prints.
	ReasonOutputsUnreadable = "OutputsUnreadable"
	// ReasonOutputMissing: nothing gives a value that is needed, or the mapped output is absent or empty.
	ReasonOutputMissing = "OutputMissing"
	// ReasonOutputInvalid: an output is there, but its value is not what its name promises.
	ReasonOutputInvalid = "OutputInvalid"
	// ReasonOutputMappingInvalid: the mapping (spec.outputs) names something that does not exist,
	// holds a malformed path, or contradicts itself.
	ReasonOutputMappingInvalid = "OutputMappingInvalid"
)

// Reasons lists every reason of this package; each is documented for operators.
var Reasons = []string{
	ReasonOutputsUnreadable,
	ReasonOutputMissing,
	ReasonOutputInvalid,
	ReasonOutputMappingInvalid,
}

// Error says why outputs cannot be used. Its text holds names, expectations and advice, never a
// value, and is stable: the same outputs give the same text.
type Error struct {
	reason, message string
}

// Error returns a full sentence fit for a condition message.
func (e *Error) Error() string { return e.message }

// Reason returns one of Reasons, fit for a condition reason.
func (e *Error) Reason() string { return e.reason }

func fail(reason, format string, args ...any) *Error {
	return &Error{reason: reason, message: fmt.Sprintf(format, args...)}
}

// namesShown bounds how many output names a message lists: the largest public modules have about
// a hundred outputs, and a person looks for one.
const namesShown = 60

// have ends a message with the outputs that the module has.
func (o Outputs) have() string {
	names := o.Names()
	if len(names) == 0 {
		return "The module has no outputs."
	}
	more := ""
	if len(names) > namesShown {
		more = fmt.Sprintf(" and %d more", len(names)-namesShown)
		names = names[:namesShown]
	}
	return "The module has the outputs " + strings.Join(names, ", ") + more + "."
}
