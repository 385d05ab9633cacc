package run

import (
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// SetupWithManager has the manager run the reconciler: when a run is new or
// changed, when its executor asks for it, and when another has ended that it waits
// for.
func (r *Reconciler) SetupWithManager(mgr manager.Manager, options controller.Options) error {
	controlled := builder.ControllerManagedBy(mgr).
		Named("workspacerun").
		For(&infrav1.WorkspaceRun{}).
		Watches(&infrav1.WorkspaceRun{}, handler.EnqueueRequestsFromMapFunc(r.next), builder.WithPredicates(makesRoom())).
		Watches(&infrav1.WorkspaceTemplateApply{}, handler.EnqueueRequestsFromMapFunc(r.ofWorkspace)).
		WithOptions(options)
	for _, source := range r.Executor.Sources() {
		controlled.WatchesRawSource(source)
	}
	return controlled.Complete(r)
}
