package opentofu

import (
	"context"
	"fmt"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine"
	"github.com/captproject/capt/internal/runner"
	"github.com/captproject/capt/internal/tfstate"
)

// stateEmpty tells whether the workspace has no resources, as far as its state
// knows; or why that cannot be told.
func (e *Engine) stateEmpty(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply) (bool, *engine.Failure, error) {
	name := tfstate.SecretName(tfstate.Suffix(workspace.Namespace, workspace.Name))
	head, state, err := runner.ReadState(ctx, e.Live, client.ObjectKey{Namespace: workspace.Namespace, Name: name})
	if err != nil {
		return false, nil, fmt.Errorf("reading the state in Secret %s: %w", name, err)
	}
	if is := tfstate.ElsewhereOf(head); is != "" {
		return is == tfstate.ElsewhereEmpty, nil, nil
	}
	if missing, err := e.stateMissing(ctx, workspace, state); err != nil || missing != nil {
		return false, missing, err
	}
	empty, err := tfstate.Empty(state)
	if err != nil {
		// The module encrypts it. A destroy tells whether it has left nothing.
		empty = tfstate.MarkedEmpty(head, state)
	}
	return empty, nil, nil
}

// stateMissing is the failure of a workspace whose outputs come from a state that
// is not the one there is; nil if all is well. To take a missing state for an empty
// one would leave all that was made behind.
func (e *Engine) stateMissing(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply, state []byte) (*engine.Failure, error) {
	outputs, err := e.ownSecret(ctx, workspace, runner.OutputsName(workspace.Name))
	if err != nil || outputs == nil {
		return nil, err
	}
	lineage := outputs.Annotations[infrav1.StateLineageAnnotation]
	found, _ := tfstate.VersionOf(state)
	if lineage == "" || lineage == found.Lineage {
		return nil, nil
	}
	return &engine.Failure{
		Reason:  runner.ReasonStateMissing,
		Message: runner.MissingState(workspace.Namespace, workspace.Name, found.Lineage),
		// Secrets of states are not watched.
		RetryAfter: firstRetry,
	}, nil
}

// deleteState deletes a state without resources, its versions and its lock.
func (e *Engine) deleteState(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply) error {
	secrets, err := e.stateSecrets(ctx, workspace)
	if err != nil {
		return err
	}
	for _, name := range secrets {
		if err := e.unprotect(ctx, workspace.Namespace, name); err != nil {
			return err
		}
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: workspace.Namespace, Name: name}}
		if err := e.delete(ctx, secret); err != nil {
			return err
		}
	}
	suffix := tfstate.Suffix(workspace.Namespace, workspace.Name)
	lock := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: workspace.Namespace, Name: tfstate.LeaseName(suffix)}}
	return e.delete(ctx, lock)
}

// releaseState leaves a state to a person, who must be able to delete it.
func (e *Engine) releaseState(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply) error {
	secrets, err := e.stateSecrets(ctx, workspace)
	if err != nil {
		return err
	}
	for _, name := range secrets {
		if err := e.unprotect(ctx, workspace.Namespace, name); err != nil {
			return err
		}
	}
	return nil
}

// ReasonStateBeingDeleted is the reason when infrastructure is to be let go, but
// somebody has deleted a Secret of its state: only our finalizer keeps it. It
// cannot be undeleted; a person has to save it, and to remove the finalizer.
const ReasonStateBeingDeleted = "StateBeingDeleted"

// dyingState is the failure of a workspace whose state would be lost if it were let
// go; nil if it is not.
func (e *Engine) dyingState(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply) (*engine.Failure, error) {
	secrets, err := e.stateSecrets(ctx, workspace)
	if err != nil {
		return nil, err
	}
	for _, name := range secrets {
		secret, err := e.lookAt(ctx, workspace, name)
		if err != nil {
			return nil, err
		}
		if secret == nil || secret.DeletionTimestamp.IsZero() || !controllerutil.ContainsFinalizer(secret, tfstate.Finalizer) {
			continue
		}
		if e.keepsNothing(ctx, workspace) {
			return nil, nil
		}
		return &engine.Failure{
			Reason: ReasonStateBeingDeleted,
			Message: fmt.Sprintf("Secret %s was deleted, and the state of infrastructure that is to be kept goes with its finalizer; save it (tofu state pull), then remove the finalizer %s",
				name, tfstate.Finalizer),
			// Secrets of states are not watched.
			RetryAfter: firstRetry,
		}, nil
	}
	return nil, nil
}

// keepsNothing tells whether nothing is lost with the state that we keep: it is
// empty, or another backend has it. One that cannot be read may hold anything.
func (e *Engine) keepsNothing(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply) bool {
	name := tfstate.SecretName(tfstate.Suffix(workspace.Namespace, workspace.Name))
	head, state, err := runner.ReadState(ctx, e.Live, client.ObjectKey{Namespace: workspace.Namespace, Name: name})
	if err != nil {
		return false
	}
	empty, err := tfstate.Empty(state)
	return err == nil && empty || tfstate.ElsewhereOf(head) != "" || tfstate.MarkedEmpty(head, state)
}

// stateSecrets are the names of the Secrets that there are of a state and its
// versions: the state's own last, because it says where the others are.
func (e *Engine) stateSecrets(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply) ([]string, error) {
	secrets := &metav1.PartialObjectMetadataList{}
	secrets.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
	if err := e.Live.List(ctx, secrets, client.InNamespace(workspace.Namespace), client.MatchingLabels(workspaceLabels(workspace))); err != nil {
		return nil, fmt.Errorf("listing the Secrets of the state: %w", err)
	}
	head := tfstate.SecretName(tfstate.Suffix(workspace.Namespace, workspace.Name))
	possible := sets.New(tfstate.SecretNames(tfstate.Suffix(workspace.Namespace, workspace.Name))...)
	var names []string
	for _, secret := range secrets.Items {
		if possible.Has(secret.Name) && secret.Name != head {
			names = append(names, secret.Name)
		}
	}
	return append(names, head), nil
}

// unprotect lets a Secret of a state be deleted.
func (e *Engine) unprotect(ctx context.Context, namespace, name string) error {
	secret := &corev1.Secret{}
	if err := e.Live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, secret); err != nil {
		return client.IgnoreNotFound(err)
	}
	if !controllerutil.RemoveFinalizer(secret, tfstate.Finalizer) {
		return nil
	}
	if err := e.Client.Update(ctx, secret); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("letting Secret %s be deleted: %w", name, err)
	}
	return nil
}
