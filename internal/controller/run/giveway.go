package run

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/event"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/phase"
)

// refusal is what is known of a run that could not be started.
type refusal struct {
	// at is when. It queues as if it had been made then: behind those that could not
	// be tried yet, and before those that are made later.
	at metav1.Time
	// sleeps until its own retry: it takes no place, and nobody else wakes it.
	sleeps bool
}

// giveWay is the outcome of a run that could not be started. It is tried again, and
// has others begin in its place meanwhile.
func (r *Reconciler) giveWay(run *infrav1.WorkspaceRun, err error) phase.Outcome {
	if !run.Begun() {
		r.queue.giveWay(run, r.now())
	}
	return phase.Fail(ReasonNotStarted, err)
}

func (q *queue) giveWay(run *infrav1.WorkspaceRun, now metav1.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.refused == nil {
		q.refused = map[types.UID]refusal{}
	}
	delete(q.begun, run.UID)
	q.refused[run.UID] = refusal{at: now, sleeps: true}
	select {
	case q.gaveWay <- event.GenericEvent{Object: run}:
	default: // all are about to be looked at
	}
}
