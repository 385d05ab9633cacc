package machinepool

import (
	"context"
	"errors"

	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util"
	"sigs.k8s.io/cluster-api/util/finalizers"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/contract"
	"github.com/captproject/capt/internal/phase"
	"github.com/captproject/capt/internal/workspace"
)

// Reconciler reconciles CAPTMachinePools.
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
	Of:        []string{infrav1.WorkspaceReadyCondition, infrav1.ProviderIDsAvailableCondition},
}

// scope is what the phases of one reconcile share.
type scope struct {
	pool *infrav1.CAPTMachinePool
	// owner is the MachinePool; nil until Cluster API has set it, and if it is
	// gone.
	owner *clusterv1.MachinePool
	// cluster is the Cluster of the owner; nil if there is none.
	cluster *clusterv1.Cluster

	// apply is set by ensureWorkspace.
	apply *infrav1.WorkspaceTemplateApply
	// outputs is set by readOutputs.
	outputs contract.MachinePool
}

// +kubebuilder:rbac:groups=infrastructure.cluster.x-k8s.io,resources=captmachinepools,verbs=get;list;watch;update;patch
// +kubebuilder:rbac:groups=infrastructure.cluster.x-k8s.io,resources=captmachinepools/status,verbs=get;update;patch
// +kubebuilder:rbac:groups=infrastructure.cluster.x-k8s.io,resources=captmachinepools/finalizers,verbs=update
// +kubebuilder:rbac:groups=cluster.x-k8s.io,resources=machinepools,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=controlplane.cluster.x-k8s.io,resources=captcontrolplanes,verbs=get;list;watch

// Reconcile takes one CAPTMachinePool a step further.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	pool := &infrav1.CAPTMachinePool{}
	if err := r.Client.Get(ctx, req.NamespacedName, pool); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if r.WatchFilter.Skips(pool) || workspace.MovedAway(pool) {
		return ctrl.Result{}, nil
	}
	if added, err := finalizers.EnsureFinalizer(ctx, r.Client, pool, infrav1.MachinePoolFinalizer); err != nil || added {
		return ctrl.Result{}, err
	}
	s := &scope{pool: pool}
	if err := r.findOwners(ctx, s); err != nil {
		return ctrl.Result{}, err
	}
	writer, err := phase.NewWriter(r.Client, pool)
	if err != nil {
		return ctrl.Result{}, err
	}
	if isPaused, requeue, err := phase.EnsurePausedCondition(ctx, r.Client, s.cluster, pool); err != nil || isPaused || requeue {
		return ctrl.Result{}, err
	}
	result, err := phase.Run(ctx, r.Reporter, pool, s, r.phases(pool))
	pool.Status.ObservedGeneration = pool.Generation
	return phase.Finish(ctx, r.Reporter, writer, pool, result, errors.Join(err, phase.Summarize(pool, summary)))
}

// findOwners finds the MachinePool and its Cluster, as far as they are there.
func (r *Reconciler) findOwners(ctx context.Context, s *scope) error {
	owner, err := util.GetOwnerMachinePool(ctx, r.Client, s.pool.ObjectMeta)
	if err != nil || owner == nil {
		return client.IgnoreNotFound(err)
	}
	s.owner = owner
	cluster, err := util.GetClusterByName(ctx, r.Client, owner.Namespace, owner.Spec.ClusterName)
	if err != nil {
		return client.IgnoreNotFound(err)
	}
	s.cluster = cluster
	return nil
}

func (r *Reconciler) phases(pool *infrav1.CAPTMachinePool) []phase.Phase[*scope] {
	const (
		workspace   = infrav1.WorkspaceReadyCondition
		providerIDs = infrav1.ProviderIDsAvailableCondition
	)
	if !pool.DeletionTimestamp.IsZero() {
		return []phase.Phase[*scope]{
			{Name: "deleteWorkspace", Condition: workspace, Run: r.deleteWorkspace},
		}
	}
	return []phase.Phase[*scope]{
		{Name: "awaitCluster", Condition: workspace, Run: r.awaitCluster},
		{Name: "ensureWorkspace", Condition: workspace, Run: r.ensureWorkspace},
		{Name: "readOutputs", Condition: providerIDs, Run: r.readOutputs},
		{Name: "publish", Condition: providerIDs, Run: r.publish},
		{Name: "followReplicas", Condition: providerIDs, Run: r.followReplicas},
	}
}
