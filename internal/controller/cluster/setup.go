package cluster

import (
	"context"

	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// SetupWithManager has the manager run the reconciler when a CAPTCluster, its
// Cluster or its workspace changes.
func (r *Reconciler) SetupWithManager(ctx context.Context, mgr manager.Manager, options controller.Options) error {
	ofCluster := util.ClusterToInfrastructureMapFunc(ctx, infrav1.GroupVersion.WithKind("CAPTCluster"), r.Client, &infrav1.CAPTCluster{})
	return builder.ControllerManagedBy(mgr).
		Named("captcluster").
		For(&infrav1.CAPTCluster{}).
		Owns(&infrav1.WorkspaceTemplateApply{}).
		Watches(&clusterv1.Cluster{}, handler.EnqueueRequestsFromMapFunc(ofCluster)).
		WithOptions(options).
		Complete(r)
}
