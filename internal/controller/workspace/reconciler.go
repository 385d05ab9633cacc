package workspace

import (
	"context"
	"errors"
	"fmt"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine"
	"github.com/captproject/capt/internal/phase"
	shared "github.com/captproject/capt/internal/workspace"
)

// Reconciler reconciles WorkspaceTemplateApplies.
type Reconciler struct {
	Client client.Client
	// Live reads past all caches: ConfigMaps and Secrets are not cached.
	Live     client.Reader
	Engine   engine.Engine
	Reporter phase.Reporter
	// WatchFilter says which objects are looked after.
	WatchFilter phase.WatchFilter

	references references
}

// summary leaves Drifted out: what has drifted is as ready as before.
var summary = phase.Summary{
	Condition: infrav1.ReadyCondition,
	Of:        []string{infrav1.InputsResolvedCondition, infrav1.AppliedCondition, infrav1.OutputsStoredCondition},
}

// scope is what the phases of one reconcile share.
type scope struct {
	workspace *infrav1.WorkspaceTemplateApply

	// template is set by resolveInputs; nil if there is none to be used.
	template *infrav1.WorkspaceTemplate
	// inputs is set by resolveInputs; nil if they cannot be resolved.
	inputs *engine.Inputs
	// connectionSecret is set by resolveInputs; "" if none is wanted.
	connectionSecret string
	// observation is set by run.
	observation engine.Observation
}

// +kubebuilder:rbac:groups=infrastructure.cluster.x-k8s.io,resources=workspacetemplates,verbs=get;list;watch
// +kubebuilder:rbac:groups=infrastructure.cluster.x-k8s.io,resources=workspacetemplateapplies,verbs=get;list;watch;create;update;patch;delete
// +kubebuilder:rbac:groups=infrastructure.cluster.x-k8s.io,resources=workspacetemplateapplies/status,verbs=get;update;patch
// +kubebuilder:rbac:groups=infrastructure.cluster.x-k8s.io,resources=workspacetemplateapplies/finalizers,verbs=update
// +kubebuilder:rbac:groups=infrastructure.cluster.x-k8s.io,resources=workspaceruns,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch;create;update;patch;delete
// +kubebuilder:rbac:groups=cluster.x-k8s.io,resources=clusters,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=configmaps;namespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups=coordination.k8s.io,resources=leases,verbs=get;create;update;delete

// Reconcile takes one workspace a step further.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	workspace := &infrav1.WorkspaceTemplateApply{}
	if err := r.Client.Get(ctx, req.NamespacedName, workspace); err != nil {
		r.references.forget(req.NamespacedName)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if r.WatchFilter.Skips(workspace) || shared.MovedAway(workspace) {
		return ctrl.Result{}, nil
	}
	if workspace.DeletionTimestamp.IsZero() && !controllerutil.ContainsFinalizer(workspace, infrav1.WorkspaceFinalizer) {
		return ctrl.Result{}, r.takeOn(ctx, workspace)
	}
	writer, err := phase.NewWriter(r.Client, workspace)
	if err != nil {
		return ctrl.Result{}, err
	}
	if isPaused, err := r.isPaused(ctx, workspace); err != nil || isPaused {
		return ctrl.Result{}, err
	}
	result, err := phase.Run(ctx, r.Reporter, workspace, &scope{workspace: workspace}, r.phases(workspace))
	workspace.Status.ObservedGeneration = workspace.Generation
	return phase.Finish(ctx, r.Reporter, writer, workspace, result, errors.Join(err, phase.Summarize(workspace, summary)))
}

// takeOn sets the finalizer, and keeps clusterctl from moving the workspace, in one
// write, which wakes us.
func (r *Reconciler) takeOn(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply) error {
	before := workspace.DeepCopy()
	controllerutil.AddFinalizer(workspace, infrav1.WorkspaceFinalizer)
	if err := r.markForMove(ctx, workspace); err != nil {
		return err
	}
	if err := r.Client.Patch(ctx, workspace, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
		return fmt.Errorf("taking on WorkspaceTemplateApply %s: %w", workspace.Name, err)
	}
	return nil
}

func (r *Reconciler) phases(workspace *infrav1.WorkspaceTemplateApply) []phase.Phase[*scope] {
	resolve := phase.Phase[*scope]{Name: "resolveInputs", Condition: infrav1.InputsResolvedCondition, Run: r.resolveInputs}
	if !workspace.DeletionTimestamp.IsZero() {
		return []phase.Phase[*scope]{
			resolve,
			{Name: "awaitDependents", Condition: infrav1.AppliedCondition, Run: r.awaitDependents},
			{Name: "destroy", Condition: infrav1.AppliedCondition, Run: r.destroy},
		}
	}
	return []phase.Phase[*scope]{
		resolve,
		{Name: "run", Condition: infrav1.AppliedCondition, Run: r.run},
		{Name: "checkDrift", Condition: infrav1.DriftedCondition, Run: r.checkDrift},
		{Name: "storeOutputs", Condition: infrav1.OutputsStoredCondition, Run: r.storeOutputs},
	}
}
