package phase

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Outcome is how one phase ended. It is made by Done, DoneFor, Note, Undecided,
// Wait, Fail, FailFor and Block only.
type Outcome struct {
	kind    kind
	reason  string
	message string
	after   time.Duration
	err     error
	proceed bool
	// progress says that a change of the message alone is no event.
	progress bool
	// status of the condition; "" is the one that goes with the kind.
	status metav1.ConditionStatus
}

type kind string

const (
	done      kind = "Done"
	undecided kind = "Undecided"
	waiting   kind = "Wait"
	failed    kind = "Fail"
	blocked   kind = "Block"
)

// Done says that the phase has nothing left to do.
func Done() Outcome { return Outcome{kind: done} }

// DoneFor says that the phase has nothing left to do until d has passed: at
// that moment something is known to become true (a credential's half life).
func DoneFor(d time.Duration) Outcome { return Outcome{kind: done, after: d} }

// Note says that the phase has nothing left to do, and that there is something
// to know about it: the condition is true with this reason and message instead
// of its own name.
func Note(reason, message string) Outcome {
	return Outcome{kind: done, reason: reason, message: message}
}

// Undecided says that it is being found out how things stand; a watch wakes us
// when that is known. Until then the condition keeps what was last found, and is
// unknown, with this reason and message, if nothing ever was.
func Undecided(reason, message string) Outcome {
	return Outcome{kind: undecided, reason: reason, message: message}
}

// Wait says that nothing is wrong, but something has not happened yet. A watch
// wakes us, or the clock: after 0 means that only a watch does.
func Wait(reason, message string, after time.Duration) Outcome {
	return Outcome{kind: waiting, reason: reason, message: message, after: after}
}

// Fail says that something went wrong which may pass by itself; the phase is
// tried again with a growing delay. The error's text is shown to users: it
// must hold no secret, and nothing that differs from one try to the next.
func Fail(reason string, err error) Outcome {
	return Outcome{kind: failed, reason: reason, err: err, message: err.Error()}
}

// FailFor is Fail for something that is tried again after d, which is known.
func FailFor(reason string, err error, d time.Duration) Outcome {
	outcome := Fail(reason, err)
	outcome.after = d
	return outcome
}

// Block says that no retry helps until something changes. What that is, and
// which watch tells us of it, belongs into the comment of the reason. The
// error's text is shown to users, as with Fail.
func Block(reason string, err error) Outcome {
	return Outcome{kind: blocked, reason: reason, err: err, message: err.Error()}
}

// Proceed lets the phases after this one run although it is not done: what
// they need is there, from an earlier time.
func (o Outcome) Proceed() Outcome {
	o.proceed = true
	return o
}

// As gives the condition this status instead of the one that goes with the
// outcome: for a condition that is true when something is wrong, or of which
// nothing is known any more.
func (o Outcome) As(status metav1.ConditionStatus) Outcome {
	o.status = status
	return o
}

// Within has another look be taken when d has passed at the latest; 0 changes
// nothing.
func (o Outcome) Within(d time.Duration) Outcome {
	o.after = earliest(o.after, d)
	return o
}

// InProgress says that the message tells how something goes on that was told of in an
// event when it began: for whoever looks, and no event by itself.
func (o Outcome) InProgress() Outcome {
	o.progress = true
	return o
}

// IsDone tells whether the phase has come to its end.
func (o Outcome) IsDone() bool { return o.kind == done }

// stops tells whether the phases after this one must not run.
func (o Outcome) stops() bool { return !o.IsDone() && !o.proceed }
