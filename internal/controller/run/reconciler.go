package run

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/cluster-api/util/finalizers"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine/opentofu"
	"github.com/captproject/capt/internal/phase"
)

// Reconciler reconciles WorkspaceRuns.
type Reconciler struct {
	Client client.Client
	// Live reads past all caches.
	Live     client.Reader
	Executor opentofu.Executor
	Clock    clock.PassiveClock
	Reporter phase.Reporter
	// Limits are how many runs are carried out at once.
	Limits Limits
	// WatchFilter says which objects are looked after.
	WatchFilter phase.WatchFilter

	queue queue
}

// scope is what the phases of one reconcile share.
type scope struct {
	run *infrav1.WorkspaceRun
	// workspaceGone is set by checkWorkspace.
	workspaceGone bool
	// moved is set by checkWorkspace if the run came here without its status, which
	// clusterctl move leaves behind. It has ended long ago.
	moved bool
}

// +kubebuilder:rbac:groups=infrastructure.cluster.x-k8s.io,resources=workspaceruns,verbs=get;list;watch;update;patch
// +kubebuilder:rbac:groups=infrastructure.cluster.x-k8s.io,resources=workspaceruns/status,verbs=get;update;patch
// +kubebuilder:rbac:groups=infrastructure.cluster.x-k8s.io,resources=workspaceruns/finalizers,verbs=update
// +kubebuilder:rbac:groups=infrastructure.cluster.x-k8s.io,resources=workspacetemplateapplies,verbs=get;list;watch
// +kubebuilder:rbac:groups=coordination.k8s.io,resources=leases,verbs=get;update
// +kubebuilder:rbac:groups=events.k8s.io;"",resources=events,verbs=create;patch;update

// Reconcile carries out one run.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	run := &infrav1.WorkspaceRun{}
	if err := r.Client.Get(ctx, req.NamespacedName, run); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if r.WatchFilter.Skips(run) {
		return ctrl.Result{}, nil
	}
	if !run.Ended() {
		// A run is started and called lost on live knowledge only: to the executor
		// one that has ended long ago and one that is new look alike.
		if err := r.Live.Get(ctx, req.NamespacedName, run); err != nil {
			return ctrl.Result{}, client.IgnoreNotFound(err)
		}
	}
	if run.Ended() {
		return ctrl.Result{}, r.release(ctx, run)
	}
	if added, err := finalizers.EnsureFinalizer(ctx, r.Client, run, infrav1.RunFinalizer); err != nil || added {
		return ctrl.Result{}, err
	}
	writer, err := phase.NewWriter(r.Client, run)
	if err != nil {
		return ctrl.Result{}, err
	}
	result, err := phase.Run(ctx, r.Reporter, run, &scope{run: run}, []phase.Phase[*scope]{
		{Name: "checkWorkspace", Condition: infrav1.SucceededCondition, Run: r.checkWorkspace},
		{Name: "takeTurn", Condition: infrav1.SucceededCondition, Run: r.takeTurn},
		{Name: "execute", Condition: infrav1.SucceededCondition, Run: r.execute},
	})
	return phase.Finish(ctx, r.Reporter, writer, run, result, err)
}

// release lets go of a run that has ended: first what the executor keeps, and
// the finalizer when it is to be deleted.
func (r *Reconciler) release(ctx context.Context, run *infrav1.WorkspaceRun) error {
	if err := r.Executor.Release(ctx, run); err != nil {
		return err
	}
	if run.DeletionTimestamp.IsZero() {
		return nil
	}
	before := run.DeepCopy()
	if !controllerutil.RemoveFinalizer(run, infrav1.RunFinalizer) {
		return nil
	}
	return client.IgnoreNotFound(r.Client.Patch(ctx, run, client.MergeFrom(before)))
}

func (r *Reconciler) now() metav1.Time { return metav1.NewTime(r.Clock.Now()) }
