package run

import (
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/source"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// SetupWithManager has the manager run the reconciler: when a run is new or
// changed, when its executor asks for it, and when another that it waits for has ended
// or could not be started.
func (r *Reconciler) SetupWithManager(mgr manager.Manager, options controller.Options) error {
	r.queue.gaveWay = make(chan event.GenericEvent, 1)
	wake := handler.EnqueueRequestsFromMapFunc(r.next)
	controlled := builder.ControllerManagedBy(mgr).
		Named("workspacerun").
		For(&infrav1.WorkspaceRun{}).
		Watches(&infrav1.WorkspaceRun{}, wake, builder.WithPredicates(makesRoom())).
		WatchesRawSource(source.Channel(r.queue.gaveWay, wake)).
		Watches(&infrav1.WorkspaceTemplateApply{}, handler.EnqueueRequestsFromMapFunc(r.ofWorkspace)).
		WithOptions(options)
	for _, asked := range r.Executor.Sources() {
		controlled.WatchesRawSource(asked)
	}
	return controlled.Complete(r)
}
