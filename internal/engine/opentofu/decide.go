package opentofu

import (
	"time"

	"k8s.io/utils/ptr"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/runner"
)

const (
	// Delays between the tries of a run that failed for a reason that may pass,
	// doubled each time (engine.md, rule 12).
	firstRetry = 30 * time.Second
	lastRetry  = time.Hour
)

// action is what a workspace needs next.
type action string

const (
	// nothing: it is as wanted.
	nothing action = "nothing"
	// await: a run is under way.
	await action = "await"
	// start: a new run.
	start action = "start"
	// retryLater: a new run, but not yet.
	retryLater action = "retryLater"
	// giveUp: a new run would fail as the last one did.
	giveUp action = "giveUp"
	// ask: the last run has a plan that a person has to approve.
	ask action = "ask"
	// hold: a new run, but none may be started.
	hold action = "hold"
)

type decision struct {
	action  action
	attempt int32
	// wait is how long until the next try, for retryLater.
	wait time.Duration
}

// unless makes a run that would be started wait while that is not wanted.
func (d decision) unless(suspended *bool) decision {
	if d.action == start && ptr.Deref(suspended, false) {
		return decision{action: hold}
	}
	return d
}

// target is what a workspace is to become, or was made to be.
type target struct {
	// digest of the inputs; "" is none.
	digest string
	// request that was complied with, or is to be; "" is none.
	request string
}

// meets tells whether what was made is what is wanted. Nobody wants a request to
// be taken back.
func (made target) meets(wanted target) bool {
	return made.digest == wanted.digest && (wanted.request == "" || made.request == wanted.request)
}

// targetOf is what a run makes.
func targetOf(run *infrav1.WorkspaceRun) target {
	return target{digest: run.Spec.InputsRef.Digest, request: run.Spec.ApplyRequest}
}

// decideApply says what a workspace needs to become what is wanted.
//
// latest is its latest run, nil if there is none; applied is what its outputs
// were made from, nothing if there are none; newTerms is true if latest was judged
// by other terms than those of the workspace. A run is never judged by the
// outputs alone: after A, a failed B and A again, the world is half B although
// the outputs are still A's.
func decideApply(wanted, applied target, latest *infrav1.WorkspaceRun, newTerms bool, now time.Time) decision {
	switch {
	case latest == nil && applied.meets(wanted):
		return decision{action: nothing}
	case latest == nil:
		return decision{action: start, attempt: 1}
	case !latest.Ended():
		return decision{action: await}
	case latest.Spec.Operation != infrav1.OperationApply || !targetOf(latest).meets(wanted):
		return decision{action: start, attempt: 1}
	case latest.Status.Phase == infrav1.RunSucceeded && applied.digest == wanted.digest:
		return decision{action: nothing}
	case latest.Status.Phase == infrav1.RunSucceeded && latest.Spec.Attempt == 1:
		// The outputs were deleted or replaced: make them again, at once. Somebody
		// who keeps on doing that must not have us run without end.
		return decision{action: start, attempt: 2}
	case latest.Status.Phase == infrav1.RunSucceeded:
		return retry(latest, now)
	case waits(latest):
		return decideWaiting(latest, newTerms)
	}
	return retry(latest, now)
}

// decideWaiting says what becomes of a run that is not repeated by itself.
func decideWaiting(latest *infrav1.WorkspaceRun, newTerms bool) decision {
	switch {
	case newTerms:
		return decision{action: start, attempt: 1}
	case latest.Status.Phase == infrav1.RunAwaitingApproval:
		return decision{action: ask}
	}
	return decision{action: giveUp}
}

// waits tells whether a run that has ended is not repeated unless something
// changes.
func waits(run *infrav1.WorkspaceRun) bool {
	switch run.Status.Phase {
	case infrav1.RunAwaitingApproval, infrav1.RunCancelled:
		return true
	case infrav1.RunPending, infrav1.RunRunning, infrav1.RunSucceeded, infrav1.RunFailed, infrav1.RunLost:
	}
	return run.Status.FailureKind == infrav1.FailureConfiguration
}

// decideDestroy says what a workspace needs to be gone, given the digests of
// the inputs that a destroy can be made with, best first. A destroy that failed
// is tried with the next of them at once and, when all have failed, again after
// a while: someone waits for the deletion, so that it is never given up. Only what
// is protected keeps it, until newTerms says that the protection has changed.
func decideDestroy(digests []string, latest *infrav1.WorkspaceRun, newTerms bool, now time.Time) (decision, string) {
	switch {
	case latest != nil && !latest.Ended():
		return decision{action: await}, ""
	case len(digests) == 0:
		return decision{action: giveUp}, ""
	case latest == nil || latest.Spec.Operation != infrav1.OperationDestroy:
		return decision{action: start, attempt: 1}, digests[0]
	case latest.Status.Phase == infrav1.RunSucceeded:
		// It ended well, yet there is a state with resources: destroy those.
		return retry(latest, now), digests[0]
	case latest.Status.Reason == runner.ReasonProtectedResource && newTerms:
		return decision{action: start, attempt: 1}, digests[0]
	case latest.Status.Reason == runner.ReasonProtectedResource:
		return decision{action: giveUp}, ""
	}
	next := 0
	for i, digest := range digests {
		if digest == latest.Spec.InputsRef.Digest {
			next = (i + 1) % len(digests)
		}
	}
	if next > 0 {
		return decision{action: start, attempt: latest.Spec.Attempt + 1}, digests[next]
	}
	return retry(latest, now), digests[0]
}

// retry says when a run that failed is tried again.
func retry(latest *infrav1.WorkspaceRun, now time.Time) decision {
	next := decision{action: start, attempt: latest.Spec.Attempt + 1}
	if latest.Status.Phase == infrav1.RunLost && latest.Spec.Attempt == 1 {
		return next // its runner was killed: nothing speaks against another try
	}
	if wait := latest.Status.CompletionTime.Add(backOff(latest.Spec.Attempt)).Sub(now); wait > 0 {
		next.action, next.wait = retryLater, wait
	}
	return next
}

// backOff is the delay after the given attempt.
func backOff(attempt int32) time.Duration {
	delay := firstRetry
	for ; attempt > 1 && delay < lastRetry; attempt-- {
		delay *= 2
	}
	return min(delay, lastRetry)
}
