package opentofu

import (
	"context"

	"sigs.k8s.io/cluster-api/util/conditions"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// ReasonQueued means that as many runs as may be are under way. The end of one
// wakes the run.
const ReasonQueued = "Queued"

// notBegun says why the runner of a run is not at work yet, in the words of the
// run; "" if it is, or if nothing is known. The place in the queue, which changes
// with every run that ends, is left to the run.
func notBegun(run *infrav1.WorkspaceRun) string {
	condition := conditions.Get(run, infrav1.SucceededCondition)
	if !run.Status.StartTime.IsZero() || run.Ended() || condition == nil {
		return ""
	}
	if condition.Reason == ReasonQueued {
		return condition.Reason
	}
	return condition.Reason + ": " + condition.Message
}

// callOff has a destroy that has not begun never begin: a run that was deleted is
// not started, whatever its executor has made for it, and one that has begun goes
// on. It is the executor who knows which of the two it is.
func (e *Engine) callOff(ctx context.Context, run *infrav1.WorkspaceRun) error {
	if run.Spec.Operation != infrav1.OperationDestroy || !run.Status.StartTime.IsZero() || !run.DeletionTimestamp.IsZero() {
		return nil
	}
	return e.delete(ctx, run)
}
