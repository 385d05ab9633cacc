package phase

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/lru"
	"sigs.k8s.io/cluster-api/util/conditions"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// NotReached is the reason of a condition whose phases have not run yet,
// because an earlier phase is not done.
const NotReached = "NotReached"

// Object is what phases run on.
type Object interface {
	client.Object
	conditions.Setter
}

// Phase is one step. S is the scope that the steps of one reconcile share.
type Phase[S any] struct {
	// Name of the step, lowerCamel: for logs, metrics and the action of events.
	Name string
	// Condition that tells of the step. Several steps may share one; it is true
	// when all of them are done.
	Condition string
	// Run does the step. It must not block.
	Run func(ctx context.Context, scope S) Outcome
}

// Reporter is what Run tells of its doings to.
type Reporter struct {
	// Controller is the name that metrics carry.
	Controller string
	// Recorder takes the events.
	Recorder events.EventRecorder

	// told holds, for each condition of each object, what was last told of it.
	// The object itself knows that too, but not one from a cache that has not
	// seen our last write yet.
	told *lru.Cache
	// conflicts are those of phases, unseen those of Finish.
	conflicts, unseen conflicts
}

// toldConditions is how many conditions a Reporter remembers: one that is
// forgotten may be told twice.
const toldConditions = 10000

// NewReporter returns a Reporter that tells no transition twice, and has more and
// more time pass between conflicts.
func NewReporter(controller string, recorder events.EventRecorder) Reporter {
	return Reporter{
		Controller: controller, Recorder: recorder, told: lru.New(toldConditions),
		conflicts: newConflicts(), unseen: newConflicts(),
	}
}

// Run carries out the phases in order, stops at the first that is not done
// (unless its outcome says Proceed), and reports all of them in the conditions
// of obj and in events. The object is changed in memory only.
//
// The result asks for another look at the earliest moment any phase asked for.
// The error joins those of all phases that failed without saying when to try
// again; controller-runtime then retries with a growing delay.
func Run[S any](ctx context.Context, reporter Reporter, obj Object, scope S, phases []Phase[S]) (ctrl.Result, error) {
	var (
		result ctrl.Result
		errs   []error
		// open holds the conditions that a phase has left not true.
		open = map[string]bool{}
		// notes holds the first note about each condition.
		notes = map[string]Outcome{}
	)
	for i, p := range phases {
		outcome := observed(ctx, reporter.Controller, p, scope)
		if apierrors.IsConflict(outcome.err) || apierrors.IsAlreadyExists(outcome.err) {
			return ctrl.Result{RequeueAfter: reporter.conflicts.next(obj)}, errors.Join(errs...)
		}
		result.RequeueAfter = earliest(result.RequeueAfter, outcome.after)
		if outcome.kind == failed && outcome.after == 0 {
			errs = append(errs, fmt.Errorf("%s: %w", p.Name, outcome.err))
		}
		if outcome.kind != done && !open[p.Condition] {
			open[p.Condition] = true
			reporter.report(obj, p.Name, p.Condition, outcome)
		}
		if _, noted := notes[p.Condition]; outcome.kind == done && outcome.reason != "" && !noted {
			notes[p.Condition] = outcome
		}
		if outcome.stops() {
			notReached(obj, p.Condition, phases[i+1:])
			break
		}
		if !open[p.Condition] && lastOf(p.Condition, phases[i+1:]) {
			if note, noted := notes[p.Condition]; noted {
				outcome = note
			}
			reporter.report(obj, p.Name, p.Condition, outcome)
		}
	}
	reporter.conflicts.forget(obj)
	return result, errors.Join(errs...)
}

// report sets the condition and, if that is news, emits an event.
func (r Reporter) report(obj Object, action, conditionType string, outcome Outcome) {
	if outcome.kind == undecided {
		unknown(obj, conditionType, outcome.reason, outcome.message)
		return
	}
	condition := metav1.Condition{
		Type:               conditionType,
		Status:             metav1.ConditionFalse,
		Reason:             outcome.reason,
		Message:            outcome.message,
		ObservedGeneration: obj.GetGeneration(),
	}
	if outcome.kind == done {
		condition.Status = metav1.ConditionTrue
		if condition.Reason == "" {
			condition.Reason = conditionType
		}
	}
	if outcome.status != "" {
		condition.Status = outcome.status
	}
	state := outcome.told(condition)
	before := conditions.Get(obj, conditionType)
	known := before != nil && outcome.told(*before) == state
	conditions.Set(obj, condition)
	if !r.news(obj, conditionType, state) || known {
		return
	}
	eventType := corev1.EventTypeNormal
	if outcome.kind == failed || outcome.kind == blocked {
		eventType = corev1.EventTypeWarning
	}
	text := condition.Message
	if text == "" {
		text = condition.Type + " is true"
	}
	r.Recorder.Eventf(obj, nil, eventType, condition.Reason, action, "%s", note(text))
}

// Tell emits an event about what no condition tells, because there is none or because
// the object goes.
func (r Reporter) Tell(about client.Object, eventType, action, reason, message string) {
	r.Recorder.Eventf(about, nil, eventType, reason, action, "%s", note(message))
}

// state is what of a condition is told in an event when it changes: status, reason and
// message.
type state [3]string

// told is the state of a condition that an event tells of.
func (o Outcome) told(condition metav1.Condition) state {
	if o.progress {
		return state{string(condition.Status), condition.Reason}
	}
	return state{string(condition.Status), condition.Reason, condition.Message}
}

// news tells whether the state of a condition is another than was last told, and
// remembers it.
func (r Reporter) news(obj Object, conditionType string, now state) bool {
	if r.told == nil {
		return true
	}
	key := string(obj.GetUID()) + "/" + conditionType
	if last, ok := r.told.Get(key); ok && last == now {
		return false
	}
	r.told.Add(key, now)
	return true
}

// maxNote is the length that the API server accepts as the note of an event.
const maxNote = 1024

func note(text string) string {
	if len(text) > maxNote {
		text = text[:maxNote-3] + "..."
	}
	return text
}

// notReached makes the conditions of the phases that did not run known, if
// they have never been reported. Those that have been keep what was last found.
func notReached[S any](obj Object, stoppedAt string, rest []Phase[S]) {
	for _, p := range rest {
		if p.Condition != stoppedAt {
			unknown(obj, p.Condition, NotReached, fmt.Sprintf("%s must be true first", stoppedAt))
		}
	}
}

// unknown makes a condition unknown, unless it has ever been known.
func unknown(obj Object, conditionType, reason, message string) {
	if conditions.Has(obj, conditionType) && !conditions.IsUnknown(obj, conditionType) {
		return
	}
	conditions.Set(obj, metav1.Condition{
		Type:               conditionType,
		Status:             metav1.ConditionUnknown,
		Reason:             reason,
		Message:            message,
		ObservedGeneration: obj.GetGeneration(),
	})
}

func lastOf[S any](condition string, rest []Phase[S]) bool {
	for _, p := range rest {
		if p.Condition == condition {
			return false
		}
	}
	return true
}

func earliest(a, b time.Duration) time.Duration {
	if a == 0 || (b != 0 && b < a) {
		return b
	}
	return a
}
