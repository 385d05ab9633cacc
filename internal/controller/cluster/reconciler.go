package cluster

import (
	"context"
	"errors"

	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util"
	"sigs.k8s.io/cluster-api/util/annotations"
	"sigs.k8s.io/cluster-api/util/finalizers"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/contract"
	"github.com/captproject/capt/internal/phase"
	"github.com/captproject/capt/internal/workspace"
)

// Reconciler reconciles CAPTClusters.
type Reconciler struct {
	Client client.Client
	// Live reads past all caches: Secrets are not cached.
	Live     client.Reader
	Reporter phase.Reporter
	// WatchFilter says which objects are looked after.
	WatchFilter phase.WatchFilter
}

var summary = phase.Summary{
	Condition: infrav1.ReadyCondition,
	Of:        []string{infrav1.InfrastructureReadyCondition},
}

// scope is what the phases of one reconcile share.
type scope struct {
	infra *infrav1.CAPTCluster
	// cluster is the owner; nil until Cluster API has set it.
	cluster *clusterv1.Cluster

	// apply is set by ensureWorkspace; nil if a VPC exists already.
	apply *infrav1.WorkspaceTemplateApply
	// outputs is set by readOutputs.
	outputs contract.Infrastructure
}

// +kubebuilder:rbac:groups=infrastructure.cluster.x-k8s.io,resources=captclusters,verbs=get;list;watch;update;patch
// +kubebuilder:rbac:groups=infrastructure.cluster.x-k8s.io,resources=captclusters/status,verbs=get;update;patch
// +kubebuilder:rbac:groups=infrastructure.cluster.x-k8s.io,resources=captclusters/finalizers,verbs=update
// +kubebuilder:rbac:groups=cluster.x-k8s.io,resources=clusters,verbs=get;list;watch

// Reconcile takes one CAPTCluster a step further.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	infra := &infrav1.CAPTCluster{}
	if err := r.Client.Get(ctx, req.NamespacedName, infra); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if annotations.IsExternallyManaged(infra) {
		return ctrl.Result{}, nil
	}
	if r.WatchFilter.Skips(infra) || workspace.MovedAway(infra) {
		return ctrl.Result{}, nil
	}
	if added, err := finalizers.EnsureFinalizer(ctx, r.Client, infra, infrav1.ClusterFinalizer); err != nil || added {
		return ctrl.Result{}, err
	}
	cluster, err := util.GetOwnerCluster(ctx, r.Client, infra.ObjectMeta)
	if client.IgnoreNotFound(err) != nil {
		return ctrl.Result{}, err
	}
	writer, err := phase.NewWriter(r.Client, infra)
	if err != nil {
		return ctrl.Result{}, err
	}
	if isPaused, requeue, err := phase.EnsurePausedCondition(ctx, r.Client, cluster, infra); err != nil || isPaused || requeue {
		return ctrl.Result{}, err
	}
	result, err := phase.Run(ctx, r.Reporter, infra, &scope{infra: infra, cluster: cluster}, r.phases(infra))
	infra.Status.ObservedGeneration = infra.Generation
	return phase.Finish(ctx, r.Reporter, writer, infra, result, errors.Join(err, phase.Summarize(infra, summary)))
}

func (r *Reconciler) phases(infra *infrav1.CAPTCluster) []phase.Phase[*scope] {
	if !infra.DeletionTimestamp.IsZero() {
		return []phase.Phase[*scope]{
			{Name: "deleteWorkspace", Condition: infrav1.InfrastructureReadyCondition, Run: r.deleteWorkspace},
		}
	}
	return []phase.Phase[*scope]{
		{Name: "ensureWorkspace", Condition: infrav1.InfrastructureReadyCondition, Run: r.ensureWorkspace},
		{Name: "readOutputs", Condition: infrav1.InfrastructureReadyCondition, Run: r.readOutputs},
		{Name: "publish", Condition: infrav1.InfrastructureReadyCondition, Run: r.publish},
	}
}
