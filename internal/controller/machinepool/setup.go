package machinepool

import (
	"context"

	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/workspace"
)

// SetupWithManager has the manager run the reconciler when a CAPTMachinePool,
// its MachinePool, its workspace, its Cluster, or the infrastructure or control plane of
// that changes.
func (r *Reconciler) SetupWithManager(ctx context.Context, mgr manager.Manager, options controller.Options) error {
	ofMachinePool := util.MachinePoolToInfrastructureMapFunc(ctx, infrav1.GroupVersion.WithKind("CAPTMachinePool"))
	ofCluster, err := util.ClusterToTypedObjectsMapper(r.Client, &infrav1.CAPTMachinePoolList{}, mgr.GetScheme())
	if err != nil {
		return err
	}
	ofOwner := handler.EnqueueRequestsFromMapFunc(workspace.OfOwnerCluster(r.Client, ofCluster))
	return builder.ControllerManagedBy(mgr).
		Named("captmachinepool").
		For(&infrav1.CAPTMachinePool{}).
		Owns(&infrav1.WorkspaceTemplateApply{}).
		Watches(&clusterv1.MachinePool{}, handler.EnqueueRequestsFromMapFunc(ofMachinePool)).
		Watches(&clusterv1.Cluster{}, handler.EnqueueRequestsFromMapFunc(ofCluster)).
		Watches(&infrav1.CAPTCluster{}, ofOwner, builder.WithPredicates(workspace.Wishes())).
		Watches(&controlplanev1.CAPTControlPlane{}, ofOwner, builder.WithPredicates(workspace.Wishes())).
		WithOptions(options).
		Complete(r)
}
