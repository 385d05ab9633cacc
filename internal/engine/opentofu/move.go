package opentofu

import (
	"context"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterctlv1 "sigs.k8s.io/cluster-api/cmd/clusterctl/api/v1alpha3"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine"
	"github.com/captproject/capt/internal/runner"
	"github.com/captproject/capt/internal/tfstate"
)

const (
	// workspaceAnnotation on a run has the UID that its workspace had when the run
	// was made.
	workspaceAnnotation = "infrastructure.cluster.x-k8s.io/made-for"

	// statusAnnotation on a run that has ended has its status, as JSON: clusterctl
	// move leaves the status of what it moves behind.
	statusAnnotation = "infrastructure.cluster.x-k8s.io/moved-status"
)

// MadeElsewhere tells whether a run was made in another management cluster:
// clusterctl move gives its workspace, and its owner reference, another UID.
func MadeElsewhere(run *infrav1.WorkspaceRun, workspace *infrav1.WorkspaceTemplateApply) bool {
	uid, known := run.Annotations[workspaceAnnotation]
	return known && uid != string(workspace.UID)
}

// MovedStatus is the status that a run brought along from where it was made; nil
// if it brought none.
func MovedStatus(run *infrav1.WorkspaceRun) *infrav1.WorkspaceRunStatus {
	status := &infrav1.WorkspaceRunStatus{}
	if err := json.Unmarshal([]byte(run.Annotations[statusAnnotation]), status); err != nil || status.CompletionTime.IsZero() {
		return nil
	}
	return status
}

// PrepareMove is described by engine.Engine. Everything is read live: a run that
// a stale cache hides would go on while its state is carried away.
func (e *Engine) PrepareMove(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply) (bool, error) {
	runs, err := e.runs(ctx, e.Live, workspace)
	if err != nil {
		return false, err
	}
	for i := range runs {
		if !runs[i].Ended() {
			return false, nil // its end wakes the workspace
		}
	}
	if stateMayBeOnDisk(changesOf(runs)) != nil {
		return false, nil // who saves that state deletes the run
	}
	// Leases are not moved, and not watched.
	holder, err := e.lockHolder(ctx, workspace)
	if err == nil && holder != "" {
		err = fmt.Errorf("it cannot be moved while its state is locked by %s: release Lease %s", holder,
			tfstate.LeaseName(tfstate.Suffix(workspace.Namespace, workspace.Name)))
	}
	if err != nil {
		return false, err
	}
	return true, e.recordStatuses(ctx, runs)
}

func (e *Engine) recordStatuses(ctx context.Context, runs []infrav1.WorkspaceRun) error {
	for i := range runs {
		run := &runs[i]
		if MovedStatus(run) != nil {
			continue
		}
		status, err := json.Marshal(run.Status)
		if err != nil {
			return fmt.Errorf("recording the status of WorkspaceRun %s: %w", run.Name, err)
		}
		before := run.DeepCopy()
		metav1.SetMetaDataAnnotation(&run.ObjectMeta, statusAnnotation, string(status))
		if err := e.Client.Patch(ctx, run, client.MergeFrom(before)); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("recording the status of WorkspaceRun %s: %w", run.Name, err)
		}
	}
	return nil
}

// goesAlong tells whether clusterctl moves a workspace together with what it owns:
// one that was made for a Cluster, or that a person has said it of.
func goesAlong(workspace *infrav1.WorkspaceTemplateApply) bool {
	_, hierarchy := workspace.Labels[clusterctlv1.ClusterctlMoveHierarchyLabel]
	return hierarchy || metav1.GetControllerOf(workspace) != nil
}

// obstacle is why no run may be started; nil if nothing is in its way.
func (e *Engine) obstacle(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply, applied target) (*engine.Failure, error) {
	missing, err := e.leftBehind(ctx, workspace, applied)
	if err != nil || missing != nil {
		return missing, err
	}
	return e.notOurs(ctx, workspace)
}

// leftBehind is the failure of a workspace whose infrastructure was made, but of
// which neither outputs nor state are here; nil if all is well. It would be made a
// second time.
func (e *Engine) leftBehind(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply, applied target) (*engine.Failure, error) {
	if _, kept := workspace.Annotations[infrav1.StateKeptAnnotation]; !kept || applied.digest != "" {
		return nil, nil
	}
	state := tfstate.SecretName(tfstate.Suffix(workspace.Namespace, workspace.Name))
	err := e.Live.Get(ctx, client.ObjectKey{Namespace: workspace.Namespace, Name: state}, secretMetadata())
	if err == nil {
		return nil, nil
	}
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("looking for the state in Secret %s: %w", state, err)
	}
	return &engine.Failure{
		Reason: runner.ReasonStateMissing,
		Message: fmt.Sprintf("there was infrastructure, but neither its state (Secret %s) nor its outputs (Secret %s) are here; bring them, or, "+
			"if nothing of what was made exists any more, remove the annotation %s", state, runner.OutputsName(workspace.Name), infrav1.StateKeptAnnotation),
		// Secrets of states are not watched.
		RetryAfter: firstRetry,
	}, nil
}
