package opentofu

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	clusterctlv1 "sigs.k8s.io/cluster-api/cmd/clusterctl/api/v1alpha3"
	"sigs.k8s.io/cluster-api/util/conditions"
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
	if active, err := e.underWay(ctx, runs); active != nil || err != nil {
		return false, err // its end wakes the workspace
	}
	if unsaved := stateMayBeOnDisk(changesOf(runs)); unsaved != nil {
		return false, engine.MoveBlocked("it cannot be moved while the state of run %s is on its disk only: save it, remove its lock, and delete the run", unsaved.Name)
	}
	if err := e.seen(ctx, workspace); err != nil {
		return false, err
	}
	// Leases are not moved, and not watched.
	holder, err := e.lockHolder(ctx, workspace)
	switch {
	case err != nil:
		return false, err
	case holder != "":
		return false, engine.MoveBlocked("it cannot be moved while its state is locked by %s: release Lease %s", holder,
			tfstate.LeaseName(tfstate.Suffix(workspace.Namespace, workspace.Name)))
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

// seen returns an error if a part of the state was made after the pause: clusterctl
// has looked around before that, and would leave it behind.
func (e *Engine) seen(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply) error {
	since := conditions.GetLastTransitionTime(workspace, clusterv1.PausedCondition)
	head := &corev1.Secret{}
	name := tfstate.SecretName(tfstate.Suffix(workspace.Namespace, workspace.Name))
	if err := e.Live.Get(ctx, client.ObjectKey{Namespace: workspace.Namespace, Name: name}, head); err != nil {
		return client.IgnoreNotFound(err)
	}
	names, err := tfstate.Parts(head)
	if err != nil {
		return fmt.Errorf("looking for the parts of the state in Secret %s: %w", name, err)
	}
	for _, name := range append(names, head.Name) {
		secret, err := e.lookAt(ctx, workspace, name)
		switch {
		case err != nil:
			return err
		case secret == nil:
			return engine.MoveBlocked("it cannot be moved: the state's Secret %s is missing", name)
		}
		if since != nil && !secret.CreationTimestamp.Before(since) {
			return engine.MoveBlocked("it cannot be moved: the state's Secret %s was made after the pause, so that clusterctl may not know of it: end the pause, and move again", name)
		}
	}
	return nil
}

// MarkForMove is described by engine.Engine.
func (e *Engine) MarkForMove(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply) error {
	names, err := e.stateSecrets(ctx, workspace)
	if err != nil {
		return err
	}
	runs, err := e.runs(ctx, e.Live, workspace)
	if err != nil {
		return err
	}
	for i := range runs { // a run hands on what its inputs have
		names = append(names, runs[i].Spec.InputsRef.Name)
	}
	for _, name := range names {
		if err := e.mark(ctx, workspace, name); err != nil {
			return fmt.Errorf("marking Secret %s for a move: %w", name, err)
		}
	}
	return nil
}

// mark sets the label by which clusterctl moves a Secret, or takes it away.
func (e *Engine) mark(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply, name string) error {
	secret, err := e.lookAt(ctx, workspace, name)
	if err != nil || secret == nil {
		return err
	}
	along := engine.GoesAlong(workspace)
	if _, marked := secret.Labels[clusterctlv1.ClusterctlMoveLabel]; marked == along {
		return nil
	}
	before := secret.DeepCopy()
	delete(secret.Labels, clusterctlv1.ClusterctlMoveLabel)
	if along {
		metav1.SetMetaDataLabel(&secret.ObjectMeta, clusterctlv1.ClusterctlMoveLabel, "")
	}
	return client.IgnoreNotFound(e.Client.Patch(ctx, secret, client.MergeFrom(before)))
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
	name := tfstate.SecretName(tfstate.Suffix(workspace.Namespace, workspace.Name))
	// One that is empty was made for a run of this cluster.
	head, state, err := runner.ReadState(ctx, e.Live, client.ObjectKey{Namespace: workspace.Namespace, Name: name})
	if err != nil {
		return nil, fmt.Errorf("reading the state in Secret %s: %w", name, err)
	}
	if len(state) > 0 || tfstate.ElsewhereOf(head) != "" {
		return nil, nil
	}
	return &engine.Failure{
		Reason: runner.ReasonStateMissing,
		Message: fmt.Sprintf("there was infrastructure, but neither its state (Secret %s) nor its outputs (Secret %s) are here; bring them, or, "+
			"if nothing of what was made exists any more, remove the annotation %s", name, runner.OutputsName(workspace.Name), infrav1.StateKeptAnnotation),
		// Secrets of states are not watched.
		RetryAfter: firstRetry,
	}, nil
}
