package opentofu

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/cluster-api/util/labels/format"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine"
	"github.com/captproject/capt/internal/inputs"
	"github.com/captproject/capt/internal/runner"
)

const (
	// keptRuns is how many changes that have ended are kept for people to look at.
	keptRuns = 5
	// keptChecks is the same for checks: what the last one has found counts until
	// the next one has ended.
	keptChecks = 1
)

func workspaceLabels(workspace *infrav1.WorkspaceTemplateApply) map[string]string {
	return map[string]string{infrav1.WorkspaceLabel: format.MustFormatValue(workspace.Name)}
}

// SecretNames is described by engine.Engine.
func (e *Engine) SecretNames(workspace *infrav1.WorkspaceTemplateApply) []string {
	return []string{runner.OutputsName(workspace.Name), runner.ReportsName(workspace.Name)}
}

// notOurs is the failure of a workspace while a Secret of somebody else has the
// name of one of its own; nil if none has. The caller watches them, so that the
// end of such a Secret has it ask again.
func (e *Engine) notOurs(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply) (*engine.Failure, error) {
	for _, name := range e.SecretNames(workspace) {
		secret, err := e.lookAt(ctx, workspace, name)
		if err != nil {
			return nil, err
		}
		if secret != nil && !metav1.IsControlledBy(secret, workspace) {
			return &engine.Failure{Reason: runner.ReasonSecretNotOurs, Message: runner.SecretNotOurs(name, workspace.Name)}, nil
		}
	}
	return nil, nil
}

// ownSecret returns the metadata of a Secret of the workspace, nil if there is
// none. One that only has the name counts for nothing.
func (e *Engine) ownSecret(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply, name string) (*metav1.PartialObjectMetadata, error) {
	secret, err := e.lookAt(ctx, workspace, name)
	if err != nil || secret == nil || !metav1.IsControlledBy(secret, workspace) {
		return nil, err
	}
	return secret, nil
}

// lookAt returns the metadata of a Secret, nil if there is none.
func (e *Engine) lookAt(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply, name string) (*metav1.PartialObjectMetadata, error) {
	secret := secretMetadata()
	if err := e.Live.Get(ctx, client.ObjectKey{Namespace: workspace.Namespace, Name: name}, secret); err != nil {
		if client.IgnoreNotFound(err) == nil {
			return nil, nil
		}
		return nil, fmt.Errorf("reading Secret %s: %w", name, err)
	}
	return secret, nil
}

// applied returns what the outputs of a workspace were made from; nothing if
// there are none.
func (e *Engine) applied(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply) (target, error) {
	outputs, err := e.ownSecret(ctx, workspace, runner.OutputsName(workspace.Name))
	if err != nil || outputs == nil {
		return target{}, err
	}
	return target{outputs.Annotations[infrav1.InputsDigestAnnotation], outputs.Annotations[infrav1.ApplyRequestAnnotation]}, nil
}

// storeInputs writes the inputs of a run to a Secret. Its name is made from
// their digest and it cannot be changed, so that one that exists is the same.
func (e *Engine) storeInputs(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply, in engine.Inputs) error {
	secret := &corev1.Secret{
		ObjectMeta: owned(workspace, inputsName(workspace.Name, in.Digest)),
		Immutable:  ptr.To(true),
		Data:       map[string][]byte{inputs.SecretKey: in.Encoded},
	}
	if err := e.Client.Create(ctx, secret); client.IgnoreAlreadyExists(err) != nil {
		return fmt.Errorf("writing the inputs of a run to Secret %s: %w", secret.Name, err)
	}
	return nil
}

// prune deletes the oldest changes that have ended, all checks but the last, and the
// inputs that neither a change that stays nor any of the digests needs.
func (e *Engine) prune(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply, runs []infrav1.WorkspaceRun, digests ...string) error {
	if len(runs) == 0 {
		return nil // what a start that failed has left goes with the next
	}
	if err := e.keepLast(ctx, keptChecks, infrav1.OperationPlan, runs); err != nil {
		return err
	}
	changes := changesOf(runs)
	needed := sets.New[string]()
	for _, digest := range digests {
		if digest != "" {
			needed.Insert(inputsName(workspace.Name, digest))
		}
	}
	for i := range changes {
		if i < len(changes)-keptRuns && !stateNotSaved(&changes[i]) {
			if err := e.delete(ctx, &changes[i]); err != nil {
				return err
			}
			continue
		}
		needed.Insert(changes[i].Spec.InputsRef.Name)
	}
	return e.deleteInputs(ctx, workspace, needed)
}

// keepLast deletes all runs with the operation but the last of them.
func (e *Engine) keepLast(ctx context.Context, most int, operation infrav1.Operation, runs []infrav1.WorkspaceRun) error {
	var found []client.Object
	for i := range runs {
		if runs[i].Spec.Operation == operation {
			found = append(found, &runs[i])
		}
	}
	for len(found) > most {
		if err := e.delete(ctx, found[0]); err != nil {
			return err
		}
		found = found[1:]
	}
	return nil
}

// deleteInputs deletes the inputs Secrets of a workspace except those named.
func (e *Engine) deleteInputs(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply, except sets.Set[string]) error {
	secrets := &metav1.PartialObjectMetadataList{}
	secrets.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
	if err := e.Live.List(ctx, secrets, client.InNamespace(workspace.Namespace), client.MatchingLabels(workspaceLabels(workspace))); err != nil {
		return fmt.Errorf("listing the inputs of earlier runs: %w", err)
	}
	for i := range secrets.Items {
		secret := &secrets.Items[i]
		if !isInputs(workspace.Name, secret.Name) || except.Has(secret.Name) || !metav1.IsControlledBy(secret, workspace) {
			continue
		}
		secret.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
		if err := e.delete(ctx, secret); err != nil {
			return err
		}
	}
	return nil
}

// isInputs tells whether a name is one that inputsName makes.
func isInputs(workspace, name string) bool {
	prefix := inputsName(workspace, "0000000000")
	return len(name) == len(prefix) && name[:len(name)-inputsDigits] == prefix[:len(prefix)-inputsDigits]
}

func (e *Engine) delete(ctx context.Context, obj client.Object) error {
	if err := e.Client.Delete(ctx, obj); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting %T %s: %w", obj, obj.GetName(), err)
	}
	return nil
}

// deleteResults deletes the outputs and the reports of the runs. A Secret that only
// has their name stays.
func (e *Engine) deleteResults(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply) error {
	for _, name := range e.SecretNames(workspace) {
		secret, err := e.ownSecret(ctx, workspace, name)
		if err != nil {
			return err
		}
		if secret == nil {
			continue
		}
		if err := e.delete(ctx, secret); err != nil {
			return err
		}
	}
	return nil
}

func secretMetadata() *metav1.PartialObjectMetadata {
	secret := &metav1.PartialObjectMetadata{}
	secret.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	return secret
}
