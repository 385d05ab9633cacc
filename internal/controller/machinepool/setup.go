package machinepool

import (
	"context"

	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/workspace"
)

// SetupWithManager has the manager run the reconciler when a CAPTMachinePool,
// its MachinePool, its workspace, its Cluster or the infrastructure of that changes. (The
// kind of the control plane may be one that this management cluster does not know.)
func (r *Reconciler) SetupWithManager(ctx context.Context, mgr manager.Manager, options controller.Options) error {
	ofMachinePool := util.MachinePoolToInfrastructureMapFunc(ctx, infrav1.GroupVersion.WithKind("CAPTMachinePool"))
	ofCluster, err := util.ClusterToTypedObjectsMapper(r.Client, &infrav1.CAPTMachinePoolList{}, mgr.GetScheme())
	if err != nil {
		return err
	}
	return builder.ControllerManagedBy(mgr).
		Named("captmachinepool").
		For(&infrav1.CAPTMachinePool{}).
		Owns(&infrav1.WorkspaceTemplateApply{}).
		Watches(&clusterv1.MachinePool{}, handler.EnqueueRequestsFromMapFunc(ofMachinePool)).
		Watches(&clusterv1.Cluster{}, handler.EnqueueRequestsFromMapFunc(ofCluster)).
		Watches(&infrav1.CAPTCluster{}, handler.EnqueueRequestsFromMapFunc(workspace.OfOwnerCluster(r.Client, ofCluster)), builder.WithPredicates(workspace.Wishes())).
		WithOptions(options).
		Complete(r)
}
