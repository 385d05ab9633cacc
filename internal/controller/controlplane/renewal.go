package controlplane

import (
	"context"
	"errors"
	"time"

	"github.com/captproject/capt/internal/kubeconfig"
	"github.com/captproject/capt/internal/workload"
	"github.com/captproject/capt/internal/workspace"
)

const (
	// shortestRenewal is how long a module is not asked again for a new credential.
	shortestRenewal = 30 * time.Second
	// longestRenewal is how long at most when the credential is good no more.
	longestRenewal = time.Hour

	// Delays between the tries of an API server that does not give what it is
	// asked for, doubled each time.
	firstRetry = 2 * time.Second
	lastRetry  = 30 * time.Second
)

// renewByModule has the module applied again if half of the life of its
// credential is over, or at once if it must be. It returns how long it is until
// that has to be looked at; 0 if something else wakes us.
//
// When it was last asked for is written on the workspace, so that it is known
// after a restart and a move.
func (r *Reconciler) renewByModule(ctx context.Context, s *scope, must bool) (time.Duration, error) {
	now, life := r.Clock.Now(), s.moduleLife()
	if half := life.HalfLife(); !must && (half.IsZero() || now.Before(half)) {
		return r.until(half), nil
	}
	last, handled := workspace.AskedToApplyAgain(s.apply)
	if !handled {
		return 0, nil // a run is due or under way, and wakes us at its end
	}
	next := nextRenewal(last, life.Expires, now)
	if soonest := last.Add(longestRenewal); must && next.After(soonest) {
		next = soonest // it is good for nothing, however long it lives
	}
	if next.After(now) {
		return next.Sub(now), nil
	}
	return 0, workspace.ApplyAgain(ctx, r.Client, s.apply, now)
}

// moduleLife is how long the module's credential lives, as far as is known.
func (s *scope) moduleLife() kubeconfig.Life {
	if s.module == nil {
		return kubeconfig.Life{}
	}
	return s.module.Life()
}

// nextRenewal is when a module may be asked again for a new credential: as long
// after the last time as half of what the credential had left then. The nearer
// its end the more often, and less and less often afterwards, so that a module
// which does not make a new one is not applied without end.
func nextRenewal(last time.Time, expires *time.Time, now time.Time) time.Time {
	if last.IsZero() || last.After(now.Add(kubeconfig.ClockSkew)) {
		return now // never, or by a clock that was wrong
	}
	switch {
	case expires == nil:
		return last.Add(longestRenewal)
	case expires.After(last):
		return last.Add(max(expires.Sub(last)/2, shortestRenewal))
	}
	return last.Add(min(max(last.Sub(*expires)/2, shortestRenewal), longestRenewal))
}

// retrying asks an API server, and once more when a failure is old enough. It
// returns how long it is until then; 0 if there is nothing to retry.
func (r *Reconciler) retrying(ask func(since time.Time) workload.Answer) (workload.Answer, time.Duration) {
	answer := ask(time.Time{})
	if answer.Err == nil {
		return answer, 0
	}
	now := r.Clock.Now()
	delay := retryDelay(answer.Failures)
	if wait := answer.At.Add(delay).Sub(now); wait > 0 && wait <= delay {
		return answer, wait
	}
	ask(now)
	return answer, delay
}

func retryDelay(failures int) time.Duration {
	delay := firstRetry
	for ; failures > 1 && delay < lastRetry; failures-- {
		delay *= 2
	}
	return min(delay, lastRetry)
}

// reasonOf is the reason that an error says; "" if none.
func reasonOf(err error) string {
	var known interface{ Reason() string }
	if errors.As(err, &known) {
		return known.Reason()
	}
	return ""
}
