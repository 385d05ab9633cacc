package run

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/runner"
	"github.com/captproject/capt/internal/tfstate"
)

// ReasonLockReleased is the reason of an event: the lock on a state was released in the
// place of the runner that held it, which is proven dead. There is nothing to do.
const ReasonLockReleased = "LockReleased"

var locksReleased = prometheus.NewCounter(prometheus.CounterOpts{
	Name: "capt_locks_released_total",
	Help: "Locks on states that were released in the place of a runner that is proven dead.",
})

func init() { metrics.Registry.MustRegister(locksReleased) }

// unlock lets go of the run's lock on the state, if it holds it, and reports whether it
// did: its runner is proven dead.
func (r *Reconciler) unlock(ctx context.Context, run *infrav1.WorkspaceRun) (bool, error) {
	lease := client.ObjectKey{Namespace: run.Namespace, Name: tfstate.LeaseName(tfstate.Suffix(run.Namespace, run.Spec.ApplyName))}
	released, err := runner.Unlock(ctx, r.Client, lease, run.Name)
	if released {
		locksReleased.Inc()
		r.Reporter.Tell(run, corev1.EventTypeNormal, "unlock", ReasonLockReleased,
			fmt.Sprintf("the runner has ended without releasing the lock on the state, Lease %s; it was released", lease.Name))
		ctrl.LoggerFrom(ctx).Info("Released the lock of a run", "Lease", lease)
	}
	return released, err
}
