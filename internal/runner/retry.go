package runner

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
)

// attemptTimeout is how long the API server may take to answer once.
const attemptTimeout = 30 * time.Second

func backoff() wait.Backoff {
	return wait.Backoff{Duration: 200 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 1 << 20, Cap: 10 * time.Second}
}

// retry calls op until it succeeds, returns an error that is final, or ctx
// ends, and then returns op's last error. Each failure is told to report.
func retry(ctx context.Context, final func(error) bool, report func(error), op func(context.Context) error) error {
	delays := backoff()
	for {
		attempt, cancel := context.WithTimeout(ctx, attemptTimeout)
		err := op(attempt)
		cancel()
		if err == nil || final(err) || ctx.Err() != nil {
			return err
		}
		report(err)
		timer := time.NewTimer(delays.Step())
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}

// refused reports whether the API server gave an answer that will not change by
// itself soon.
func refused(err error) bool {
	return apierrors.IsNotFound(err) || apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) ||
		apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsRequestEntityTooLargeError(err) ||
		apierrors.IsMethodNotSupported(err)
}
