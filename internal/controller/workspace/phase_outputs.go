package workspace

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/phase"
	"github.com/captproject/capt/internal/workspace"
)

// Reasons of the condition OutputsStored, besides those of package contract.
const (
	// ReasonNoOutputs: no run has succeeded yet. The end of one wakes us.
	ReasonNoOutputs = "NoOutputs"
	// ReasonOutputsNotStored: the API server refused a read or a write. It is
	// tried again.
	ReasonOutputsNotStored = "OutputsNotStored"
	// ReasonConnectionSecretNotOurs: the Secret of writeConnectionSecretToRef
	// belongs to somebody else. Name another, or delete it.
	ReasonConnectionSecretNotOurs = "ConnectionSecretNotOurs"
)

// maxPublicOutputs is how much of the outputs the status takes, in bytes.
const maxPublicOutputs = 16 << 10

// storeOutputs puts the outputs of the last success where they are wanted: what
// is no secret into the status, and all of them into the connection Secret.
func (r *Reconciler) storeOutputs(ctx context.Context, s *scope) phase.Outcome {
	if s.observation.OutputsSecret == "" {
		return phase.Wait(ReasonNoOutputs, "no run has succeeded yet", 0)
	}
	outputs, err := workspace.Outputs(ctx, r.Live, s.workspace)
	if err != nil {
		return phase.BlockWith(err, ReasonOutputsNotStored)
	}
	public, _ := outputs.Public(maxPublicOutputs)
	s.workspace.Status.Outputs = &apiextensionsv1.JSON{Raw: public}
	if s.connectionSecret == "" {
		return phase.Done()
	}
	return r.writeConnectionSecret(ctx, s, outputs.Values())
}

// writeConnectionSecret makes the connection Secret hold the values.
func (r *Reconciler) writeConnectionSecret(ctx context.Context, s *scope, values map[string][]byte) phase.Outcome {
	wanted := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       s.workspace.Namespace,
			Name:            s.connectionSecret,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(s.workspace, infrav1.GroupVersion.WithKind("WorkspaceTemplateApply"))},
		},
		Data: values,
	}
	secret := &corev1.Secret{}
	err := r.Live.Get(ctx, client.ObjectKeyFromObject(wanted), secret)
	switch {
	case apierrors.IsNotFound(err):
		err = r.Client.Create(ctx, wanted)
	case err != nil:
	case !metav1.IsControlledBy(secret, s.workspace):
		return phase.Block(ReasonConnectionSecretNotOurs,
			fmt.Errorf("Secret %s exists and is not this object's; name another in spec.writeConnectionSecretToRef, or delete it", wanted.Name))
	case !equality.Semantic.DeepEqual(secret.Data, values):
		secret.Data = values
		err = r.Client.Update(ctx, secret)
	}
	if err != nil {
		return phase.Fail(ReasonOutputsNotStored, fmt.Errorf("writing the outputs to Secret %s: %w", wanted.Name, err))
	}
	return phase.Done()
}

// deleteConnectionSecret deletes the connection Secret if it is ours.
func (r *Reconciler) deleteConnectionSecret(ctx context.Context, s *scope) error {
	if s.connectionSecret == "" {
		return nil
	}
	secret := &corev1.Secret{}
	if err := r.Live.Get(ctx, client.ObjectKey{Namespace: s.workspace.Namespace, Name: s.connectionSecret}, secret); err != nil {
		return client.IgnoreNotFound(err)
	}
	if !metav1.IsControlledBy(secret, s.workspace) {
		return nil
	}
	return client.IgnoreNotFound(r.Client.Delete(ctx, secret))
}
