package opentofu

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine"
	"github.com/captproject/capt/internal/runner"
)

const (
	// defaultInterval is how long after a success drift is looked for.
	defaultInterval = time.Hour
	// jitter is the part of an interval that it may be longer, so that what was
	// made at the same time is not looked at at the same time.
	jitter = 10
)

// A run that only plans is called a check here, and every other one a change. What
// a workspace needs is decided by its changes; checks are told apart from them,
// and only number and activity are common to both.

// changesOf are the runs that apply or destroy.
func changesOf(runs []infrav1.WorkspaceRun) []infrav1.WorkspaceRun {
	return slices.DeleteFunc(slices.Clone(runs), IsCheck)
}

// checksSince are the checks after the last change: what those before it have found
// is not true any more.
func checksSince(runs []infrav1.WorkspaceRun) []infrav1.WorkspaceRun {
	first := len(runs)
	for first > 0 && IsCheck(runs[first-1]) {
		first--
	}
	return runs[first:]
}

// IsCheck tells whether a run only plans.
func IsCheck(run infrav1.WorkspaceRun) bool { return run.Spec.Operation == infrav1.OperationPlan }

// Check is described by engine.Engine.
func (e *Engine) Check(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply, in *engine.Inputs) (engine.Drift, error) {
	runs, err := e.runs(ctx, e.Client, workspace)
	if err != nil {
		return engine.Drift{}, err
	}
	latest, checks := last(changesOf(runs)), checksSince(runs)
	next := decideCheck(latest, checks, interval(workspace), e.Now()).unless(workspace.Spec.Suspend)
	if next.action == start {
		if err := e.startCheck(ctx, workspace, *in, runs, next.attempt); err != nil {
			return engine.Drift{}, err
		}
	}
	return driftOf(latest, checks, next.wait), nil
}

// startCheck starts a check after the runs there are.
func (e *Engine) startCheck(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply, in engine.Inputs, runs []infrav1.WorkspaceRun, attempt int32) error {
	if err := e.storeInputs(ctx, workspace, in); err != nil {
		return err
	}
	_, started, err := e.startRun(ctx, workspace, runs, infrav1.OperationPlan, target{digest: in.Digest}, attempt)
	if err != nil || !started {
		return err
	}
	return e.keepLast(ctx, keptChecks, infrav1.OperationPlan, runs)
}

// decideCheck says when a workspace that is up to date is looked at next. latest is
// its latest change, nil if it is gone; checks are those after it. every is how long
// after a success.
//
// A check that failed for a reason that may pass is repeated as an apply is. One that
// needs a change of the inputs is so, too, but only when it would be time again:
// what it says may have been mended where nobody sees it.
func decideCheck(latest *infrav1.WorkspaceRun, checks []infrav1.WorkspaceRun, every time.Duration, now time.Time) decision {
	check := last(checks)
	switch {
	case check == nil && latest == nil:
		return decision{action: start, attempt: 1}
	case check == nil:
		return dueAt(latest.Status.CompletionTime.Add(every), now)
	case !check.Ended():
		return decision{action: await}
	case check.Status.Phase == infrav1.RunSucceeded || waits(check):
		return dueAt(check.Status.CompletionTime.Add(every), now)
	}
	return retry(check, now)
}

func dueAt(due, now time.Time) decision {
	if wait := due.Sub(now); wait > 0 {
		return decision{action: retryLater, attempt: 1, wait: wait}
	}
	return decision{action: start, attempt: 1}
}

// driftOf is what is known by the last check that was not cancelled or, if there is
// none, by the change before. That one had left nothing to be changed.
func driftOf(latest *infrav1.WorkspaceRun, checks []infrav1.WorkspaceRun, wait time.Duration) engine.Drift {
	known := last(slices.DeleteFunc(slices.Clone(checks), func(check infrav1.WorkspaceRun) bool {
		return !check.Ended() || check.Status.Phase == infrav1.RunCancelled
	}))
	drift := engine.Drift{CheckAfter: wait}
	switch {
	case known == nil && latest == nil:
	case known == nil:
		drift.Plan = &infrav1.PlanSummary{}
	case known.Status.Phase != infrav1.RunSucceeded:
		drift.Failure = &engine.Failure{Reason: known.Status.Reason, Message: known.Status.Message, RetryAfter: wait}
	case known.Status.Plan.ChangesResources():
		drift.PlanText = fmt.Sprintf("Secret %s, key %s", runner.ReportsName(known.Spec.ApplyName), runner.PlanKey(runner.DriftReport))
		drift.Plan = known.Status.Plan.DeepCopy()
	default:
		drift.Plan = known.Status.Plan.DeepCopy()
	}
	return drift
}

// remediates tells whether the inputs are to be applied again because the last check
// has found drift. The apply is a change after it, so that there is one for each
// check at most.
func remediates(workspace *infrav1.WorkspaceTemplateApply, runs []infrav1.WorkspaceRun) bool {
	if workspace.Spec.Drift.Mode != infrav1.DriftRemediate || ptr.Deref(workspace.Spec.Suspend, false) {
		return false
	}
	check := last(checksSince(runs))
	return check != nil && check.Status.Phase == infrav1.RunSucceeded && check.Status.Plan.ChangesResources()
}

// interval is how long after a success a workspace is looked at: the same each time,
// and another one for each workspace.
func interval(workspace *infrav1.WorkspaceTemplateApply) time.Duration {
	every := defaultInterval
	if workspace.Spec.Drift.Interval != nil {
		every = workspace.Spec.Drift.Interval.Duration
	}
	return every + share(workspace.UID, every/jitter)
}

// share is a part of most that belongs to a UID.
func share(uid types.UID, most time.Duration) time.Duration {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(uid))
	return time.Duration(hash.Sum64() % uint64(most+1)) //nolint:gosec // a duration that is no longer than most
}

// underWay returns a run that has not ended, nil if there is none. A check is told
// to end: it must not hold up what is due.
func (e *Engine) underWay(ctx context.Context, runs []infrav1.WorkspaceRun) (*infrav1.WorkspaceRun, error) {
	active := slices.IndexFunc(runs, func(run infrav1.WorkspaceRun) bool { return !run.Ended() })
	if active < 0 {
		return nil, nil
	}
	run := &runs[active]
	if !IsCheck(*run) || ptr.Deref(run.Spec.Cancel, false) {
		return run, nil
	}
	cancelled := run.DeepCopy()
	cancelled.Spec.Cancel = ptr.To(true)
	if err := e.Client.Patch(ctx, cancelled, client.MergeFrom(run)); client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("cancelling WorkspaceRun %s: %w", run.Name, err)
	}
	return run, nil
}
