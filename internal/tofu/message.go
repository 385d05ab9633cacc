package tofu

import (
	"cmp"
	"encoding/json"
	"slices"
)

// The kinds of Message that something is done with. There are more.
const (
	TypeDiagnostic    = "diagnostic"
	TypePlannedChange = "planned_change"
	TypeChangeSummary = "change_summary"
	TypeApplyStart    = "apply_start"
	TypeApplyProgress = "apply_progress"
	TypeApplyComplete = "apply_complete"
	TypeApplyErrored  = "apply_errored"
)

// Message is one line of OpenTofu's JSON stream. Fields that do not belong to
// its type are nil. Output values and states are not decoded.
type Message struct {
	// Type says what it is; "" is a plain remark.
	Type string `json:"type"`
	// Text is what OpenTofu would have shown a person: one line.
	Text string `json:"@message"`
	// Diagnostic belongs to TypeDiagnostic.
	Diagnostic *Diagnostic `json:"diagnostic"`
	// Changes belongs to TypeChangeSummary.
	Changes *ChangeSummary `json:"changes"`
	// Change belongs to TypePlannedChange.
	Change *ResourceChange `json:"change"`
}

// Severities of a Diagnostic.
const (
	SeverityError   = "error"
	SeverityWarning = "warning"
)

// Diagnostic is an error or a warning. Its texts may quote values of the
// configuration and of providers.
type Diagnostic struct {
	Severity string `json:"severity"`
	// Summary is one line.
	Summary string `json:"summary"`
	// Detail may have many lines, or none.
	Detail string `json:"detail"`
	// Address is the resource concerned, or "".
	Address string `json:"address"`
	// Range is the place in the configuration, or nil.
	Range *Range `json:"range"`
}

// Range is a place in the configuration.
type Range struct {
	// Filename is relative to the working directory.
	Filename string   `json:"filename"`
	Start    Position `json:"start"`
}

// Position is a place in a file.
type Position struct {
	// Line counts from 1.
	Line int `json:"line"`
}

// ChangeSummary counts the changes of a plan or an apply. A replacement counts
// as one Add and one Remove, or one Forget.
type ChangeSummary struct {
	Add    int `json:"add"`
	Change int `json:"change"`
	Remove int `json:"remove"`
	Forget int `json:"forget"`
	// Operation is "plan", "apply" or "destroy".
	Operation string `json:"operation"`
}

// Actions of a ResourceChange.
const (
	ActionCreate  = "create"
	ActionUpdate  = "update"
	ActionReplace = "replace"
	ActionDelete  = "delete"
	// ActionForget takes a resource out of the state and leaves it where it is.
	ActionForget = "remove"
	// ActionForgetCreate does that and makes another one: a replacement where the
	// module says lifecycle.destroy = false. OpenTofu's stream has no word for it.
	ActionForgetCreate = "forget-create"
)

// ResourceChange is one change of a plan.
type ResourceChange struct {
	Resource Resource `json:"resource"`
	// Action is one of the actions above, or another that changes nothing of
	// the infrastructure (read, move, import).
	Action string `json:"action"`
	// Reason is why a replacement or deletion is needed, e.g. "tainted".
	Reason string `json:"reason"`
}

// named returns the change with the action that the stream hides: OpenTofu 1.12
// writes ForgetThenCreate as if nothing were done, or only a move or an import,
// but gives the reason of a replacement (internal/command/jsonentities/change.go).
func (c ResourceChange) named() ResourceChange {
	hides := slices.Contains([]string{"noop", "move", "import"}, c.Action)
	if c.Action == "noop" || hides && c.Reason != "" {
		c.Action = ActionForgetCreate
	}
	return c
}

// summarize counts changes as OpenTofu does
// (internal/command/views/operation.go), except for imports, which it counts beside
// what else becomes of the resource.
func summarize(changes []ResourceChange) ChangeSummary {
	var sum ChangeSummary
	for _, c := range changes {
		switch c.Action {
		case ActionCreate:
			sum.Add++
		case ActionUpdate:
			sum.Change++
		case ActionDelete:
			sum.Remove++
		case ActionReplace:
			sum.Add++
			sum.Remove++
		case ActionForget:
			sum.Forget++
		case ActionForgetCreate:
			sum.Add++
			sum.Forget++
		}
	}
	return sum
}

// Resource names a resource instance.
type Resource struct {
	Addr string `json:"addr"`
	Type string `json:"resource_type"`
}

// parseMessage decodes one line. Anything that is not a message is skipped: it
// could be anything.
func parseMessage(line []byte) (Message, bool) {
	var m Message
	if err := json.Unmarshal(line, &m); err != nil {
		return Message{}, false
	}
	return m, true
}

// Errors are the diagnostics that are errors, in an order that does not depend
// on which goroutine of OpenTofu was the first.
func Errors(diagnostics []Diagnostic) []Diagnostic {
	var errs []Diagnostic
	for _, d := range diagnostics {
		if d.Severity == SeverityError {
			errs = append(errs, d)
		}
	}
	slices.SortStableFunc(errs, func(a, b Diagnostic) int {
		return cmp.Or(
			cmp.Compare(a.file(), b.file()), cmp.Compare(a.line(), b.line()),
			cmp.Compare(a.Address, b.Address), cmp.Compare(a.Summary, b.Summary), cmp.Compare(a.Detail, b.Detail),
		)
	})
	return errs
}

func (d *Diagnostic) file() string {
	if d.Range == nil {
		return ""
	}
	return d.Range.Filename
}

func (d *Diagnostic) line() int {
	if d.Range == nil {
		return 0
	}
	return d.Range.Start.Line
}
