package workspace

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/labels/format"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/phase"
	"github.com/captproject/capt/internal/tfstate"
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
	// belongs to somebody else, or has the name of one in which results or state are
	// kept. Name another, or delete it.
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
	outputs, _, err := workspace.Outputs(ctx, r.Live, s.workspace)
	if err != nil {
		return phase.BlockWith(err, ReasonOutputsNotStored)
	}
	public, _ := outputs.Public(maxPublicOutputs)
	s.workspace.Status.Outputs = &apiextensionsv1.JSON{Raw: public}
	switch {
	case s.connectionSecret == "":
		return phase.Done()
	case r.hasOtherPurpose(s.workspace, s.connectionSecret):
		return phase.Block(ReasonConnectionSecretNotOurs,
			fmt.Errorf("the Secret %s is this object's for another purpose; name another in spec.writeConnectionSecretToRef", s.connectionSecret))
	}
	return r.writeConnectionSecret(ctx, s, outputs.Values())
}

// hasOtherPurpose tells whether the results or the state of a workspace are kept in
// a Secret of this name, or may be.
func (r *Reconciler) hasOtherPurpose(workspace *infrav1.WorkspaceTemplateApply, secret string) bool {
	return slices.Contains(r.Engine.SecretNames(workspace), secret) ||
		slices.Contains(tfstate.SecretNames(tfstate.Suffix(workspace.Namespace, workspace.Name)), secret)
}

// connectionAnnotation marks the Secret of writeConnectionSecretToRef, so that it
// is found when the template that named it is gone.
const connectionAnnotation = "infrastructure.cluster.x-k8s.io/connection-secret"

// writeConnectionSecret makes the connection Secret hold the values.
func (r *Reconciler) writeConnectionSecret(ctx context.Context, s *scope, values map[string][]byte) phase.Outcome {
	secret := &corev1.Secret{}
	err := r.Live.Get(ctx, client.ObjectKey{Namespace: s.workspace.Namespace, Name: s.connectionSecret}, secret)
	wanted := connectionSecret(s, secret, values)
	switch {
	case apierrors.IsNotFound(err):
		err = r.Client.Create(ctx, wanted)
	case err != nil:
	case !metav1.IsControlledBy(secret, s.workspace):
		return phase.Block(ReasonConnectionSecretNotOurs,
			fmt.Errorf("the Secret %s exists and is not this object's; name another in spec.writeConnectionSecretToRef, or delete it", wanted.Name))
	case !equality.Semantic.DeepEqual(secret, wanted):
		err = r.Client.Update(ctx, wanted)
	}
	if err != nil {
		return phase.Fail(ReasonOutputsNotStored, fmt.Errorf("writing the outputs to Secret %s: %w", wanted.Name, err))
	}
	return phase.Done()
}

// connectionSecret is the Secret as it should be, given what there is.
func connectionSecret(s *scope, existing *corev1.Secret, values map[string][]byte) *corev1.Secret {
	wanted := existing.DeepCopy()
	wanted.Namespace, wanted.Name = s.workspace.Namespace, s.connectionSecret
	wanted.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(s.workspace, infrav1.GroupVersion.WithKind("WorkspaceTemplateApply"))}
	metav1.SetMetaDataAnnotation(&wanted.ObjectMeta, connectionAnnotation, "true")
	metav1.SetMetaDataLabel(&wanted.ObjectMeta, infrav1.WorkspaceLabel, format.MustFormatValue(s.workspace.Name))
	if cluster, ok := s.workspace.Labels[clusterv1.ClusterNameLabel]; ok {
		metav1.SetMetaDataLabel(&wanted.ObjectMeta, clusterv1.ClusterNameLabel, cluster)
	}
	wanted.Data = values
	return wanted
}

// deleteConnectionSecret deletes the connection Secret, and one of an earlier
// name. It is not found by its name, which the template may hold.
func (r *Reconciler) deleteConnectionSecret(ctx context.Context, s *scope) error {
	secrets := &metav1.PartialObjectMetadataList{}
	secrets.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
	ours := client.MatchingLabels{infrav1.WorkspaceLabel: format.MustFormatValue(s.workspace.Name)}
	if err := r.Live.List(ctx, secrets, client.InNamespace(s.workspace.Namespace), ours); err != nil {
		return fmt.Errorf("looking for the connection Secret: %w", err)
	}
	for i := range secrets.Items {
		secret := &secrets.Items[i]
		if _, marked := secret.Annotations[connectionAnnotation]; !marked || !metav1.IsControlledBy(secret, s.workspace) {
			continue
		}
		secret.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
		if err := r.Client.Delete(ctx, secret); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("deleting the connection Secret %s: %w", secret.Name, err)
		}
	}
	return nil
}
