package workspace

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/cluster-api/util/conditions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine"
	"github.com/captproject/capt/internal/inputs"
	"github.com/captproject/capt/internal/phase"
	"github.com/captproject/capt/internal/workspace"
)

// Reasons of the condition InputsResolved, besides those of package inputs. All
// that is named here is watched: mending it wakes us.
const (
	// ReasonTemplateNotFound: create the template, or correct templateRef.
	ReasonTemplateNotFound = "TemplateNotFound"
	// ReasonTemplateNotAllowed: list the namespace in the template's
	// allowedNamespaces.
	ReasonTemplateNotAllowed = "TemplateNotAllowed"
	// ReasonWaitingForSecret: a Secret of waitForSecrets does not exist yet.
	ReasonWaitingForSecret = "WaitingForSecret"
	// ReasonWaitingForWorkspace: another WorkspaceTemplateApply is not ready yet.
	ReasonWaitingForWorkspace = "WaitingForWorkspace"
	// ReasonDependencyCycle: applies wait for each other, so that none of them can
	// be the first. Take one of the references away.
	ReasonDependencyCycle = "DependencyCycle"
	// ReasonReadFailed: the API server refused a read. It is tried again.
	ReasonReadFailed = "ReadFailed"
)

// resolveInputs renders the inputs from the template and all it refers to. That
// they cannot be had holds up neither a destroy, which can do with those of the
// last run, nor the outputs of a run that was begun before.
func (r *Reconciler) resolveInputs(ctx context.Context, s *scope) phase.Outcome {
	deleting := !s.workspace.DeletionTimestamp.IsZero()
	key := client.ObjectKeyFromObject(s.workspace)
	seen := &lookup{reader: r.Live, references: &r.references, workspace: key, read: sets.New[reference]()}
	for _, name := range r.Engine.SecretNames(s.workspace) {
		seen.note("Secret", name) // the engine waits for those of others to go
	}
	outcome := r.resolve(ctx, s, seen, deleting)
	r.references.keep(key, seen.read)
	return outcome.Proceed()
}

func (r *Reconciler) resolve(ctx context.Context, s *scope, seen *lookup, deleting bool) phase.Outcome {
	template, outcome := r.findTemplate(ctx, s.workspace)
	if template == nil {
		return outcome
	}
	s.template = template
	s.noteDeletionPolicy()
	if !deleting {
		if missing, outcome := r.waitForOthers(ctx, s.workspace, seen); missing {
			return outcome
		}
	}
	source := inputs.Source{Template: template, Apply: s.workspace}
	var err error
	if source.Outputs, err = r.outputsOfOthers(ctx, s.workspace); err != nil {
		return phase.BlockWith(err, ReasonReadFailed)
	}
	if s.connectionSecret, err = inputs.ConnectionSecretName(source); err != nil {
		return phase.BlockWith(err, ReasonReadFailed)
	}
	rendered, err := inputs.Render(ctx, source, seen)
	if err != nil {
		return phase.BlockWith(err, ReasonReadFailed)
	}
	encoded, err := rendered.Encode()
	if err != nil {
		return phase.Fail(ReasonReadFailed, err)
	}
	s.inputs = &engine.Inputs{Encoded: encoded, Digest: inputs.Digest(encoded)}
	s.workspace.Status.InputsDigest = s.inputs.Digest
	return phase.Done()
}

// findTemplate returns the template, or why there is none to be used.
func (r *Reconciler) findTemplate(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply) (*infrav1.WorkspaceTemplate, phase.Outcome) {
	key := templateKey(workspace)
	template := &infrav1.WorkspaceTemplate{}
	if err := r.Client.Get(ctx, key, template); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, phase.Block(ReasonTemplateNotFound,
				fmt.Errorf("WorkspaceTemplate %s does not exist; create it, or correct spec.templateRef", key))
		}
		return nil, phase.Fail(ReasonReadFailed, fmt.Errorf("reading WorkspaceTemplate %s: %w", key, err))
	}
	allowed, err := r.allows(ctx, template, workspace.Namespace)
	if err != nil {
		return nil, phase.Fail(ReasonReadFailed, err)
	}
	if !allowed {
		return nil, phase.Block(ReasonTemplateNotAllowed,
			fmt.Errorf("WorkspaceTemplate %s may not be used from namespace %s; list it in the template's spec.allowedNamespaces", key, workspace.Namespace))
	}
	return template, phase.Done()
}

// allows tells whether a template may be used from a namespace.
func (r *Reconciler) allows(ctx context.Context, template *infrav1.WorkspaceTemplate, namespace string) (bool, error) {
	allowed := template.Spec.AllowedNamespaces
	if template.Namespace == namespace || slices.Contains(allowed.Names, namespace) {
		return true, nil
	}
	if allowed.Selector == nil {
		return false, nil
	}
	selector, err := metav1.LabelSelectorAsSelector(allowed.Selector)
	if err != nil {
		return false, fmt.Errorf("reading spec.allowedNamespaces.selector of WorkspaceTemplate %s: %w", template.Name, err)
	}
	object := &metav1.PartialObjectMetadata{}
	object.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	if err := r.Client.Get(ctx, client.ObjectKey{Name: namespace}, object); err != nil {
		return false, fmt.Errorf("reading namespace %s: %w", namespace, err)
	}
	return selector.Matches(labels.Set(object.Labels)), nil
}

// waitForOthers tells whether something that must be there first is missing.
func (r *Reconciler) waitForOthers(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply, seen *lookup) (bool, phase.Outcome) {
	for _, reference := range workspace.Spec.WaitForSecrets {
		found, err := seen.secretExists(ctx, reference)
		if err != nil {
			return true, phase.BlockWith(err, ReasonReadFailed)
		}
		if !found {
			return true, phase.Wait(ReasonWaitingForSecret, fmt.Sprintf("Secret %s does not exist yet", reference.Name), 0)
		}
	}
	for _, reference := range workspace.Spec.WaitForWorkspaces {
		if reference.Namespace != "" && reference.Namespace != workspace.Namespace {
			return true, phase.BlockWith(inputs.ReferenceNotAllowed("spec.waitForWorkspaces", reference.Name, reference.Namespace), ReasonReadFailed)
		}
	}
	for _, name := range dependencies(workspace) {
		other := &infrav1.WorkspaceTemplateApply{}
		key := client.ObjectKey{Namespace: workspace.Namespace, Name: name}
		if err := r.Client.Get(ctx, key, other); client.IgnoreNotFound(err) != nil {
			return true, phase.Fail(ReasonReadFailed, fmt.Errorf("reading WorkspaceTemplateApply %s: %w", name, err))
		}
		if !conditions.IsTrue(other, infrav1.ReadyCondition) {
			return true, r.waitFor(ctx, workspace, name)
		}
	}
	return false, phase.Outcome{}
}

// outputsOfOthers returns the outputs of the applies in variablesFrom; later
// ones win.
func (r *Reconciler) outputsOfOthers(ctx context.Context, apply *infrav1.WorkspaceTemplateApply) (map[string]inputs.Output, error) {
	merged := map[string]inputs.Output{}
	for _, source := range apply.Spec.VariablesFrom {
		other := &infrav1.WorkspaceTemplateApply{}
		if err := r.Client.Get(ctx, client.ObjectKey{Namespace: apply.Namespace, Name: source.ApplyRef}, other); err != nil {
			return nil, fmt.Errorf("reading WorkspaceTemplateApply %s: %w", source.ApplyRef, err)
		}
		outputs, _, err := workspace.Outputs(ctx, r.Live, other)
		if err != nil {
			return nil, err
		}
		for name, output := range outputs {
			merged[name] = inputs.Output{Value: output.Value, Sensitive: output.Sensitive}
		}
	}
	return merged, nil
}
