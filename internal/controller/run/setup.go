package run

import (
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/source"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// SetupWithManager has the manager run the reconciler: when a run is new or
// changed, when its executor says that it has ended, and when another has ended
// that it waits for.
func (r *Reconciler) SetupWithManager(mgr manager.Manager, options controller.Options) error {
	ended := source.TypedChannel(r.Executor.Ended(), &handler.TypedEnqueueRequestForObject[*infrav1.WorkspaceRun]{})
	return builder.ControllerManagedBy(mgr).
		Named("workspacerun").
		For(&infrav1.WorkspaceRun{}).
		Watches(&infrav1.WorkspaceRun{}, handler.EnqueueRequestsFromMapFunc(r.next)).
		WatchesRawSource(ended).
		WithOptions(options).
		Complete(r)
}
