package run

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/event"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/phase"
)

// Delays between the tries of a run that cannot be started, doubled each time. They are
// the queue's and not the controller's, for whom a run that has queued meanwhile has
// done well.
const (
	firstDelay = time.Second
	lastDelay  = 5 * time.Minute
)

// refusal is what is known of a run that could not be started.
type refusal struct {
	// at is when. It queues as if it had been made then: behind those that could not
	// be tried yet, and before those that are made later.
	at metav1.Time
	// delay until it is tried again; it takes no place meanwhile, whoever looks at it.
	delay time.Duration
	// err is why.
	err error
}

// left is how long the run sleeps yet.
func (f refusal) left(now metav1.Time) time.Duration { return f.at.Add(f.delay).Sub(now.Time) }

// giveWay is the outcome of a run that could not be started. It is tried again, and
// has others begin in its place meanwhile.
func (r *Reconciler) giveWay(run *infrav1.WorkspaceRun, err error) phase.Outcome {
	if run.Begun() {
		return phase.Fail(ReasonNotStarted, err)
	}
	return phase.FailFor(ReasonNotStarted, err, r.queue.giveWay(run, err, r.now()))
}

// giveWay returns the delay until the next try.
func (q *queue) giveWay(run *infrav1.WorkspaceRun, err error, now metav1.Time) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.refused == nil {
		q.refused = map[types.UID]refusal{}
	}
	delay := min(max(2*q.refused[run.UID].delay, firstDelay), lastDelay)
	delete(q.begun, run.UID)
	q.refused[run.UID] = refusal{at: now, delay: delay, err: err}
	select {
	case q.gaveWay <- event.GenericEvent{Object: run}:
	default: // all are about to be looked at
	}
	return delay
}

// sleeps is the refusal of a run, and how long it sleeps yet; 0 if it does not.
func (q *queue) sleeps(run *infrav1.WorkspaceRun, now metav1.Time) (refusal, time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	refused := q.refused[run.UID]
	return refused, max(refused.left(now), 0)
}
