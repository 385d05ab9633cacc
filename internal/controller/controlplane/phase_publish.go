package controlplane

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	"github.com/captproject/capt/internal/kubeconfig"
	"github.com/captproject/capt/internal/phase"
)

// Reasons of the condition KubeconfigReady about the Secrets.
const (
	// ReasonPublishFailed: the API server refused a read or a write. It is tried
	// again.
	ReasonPublishFailed = "PublishFailed"
	// ReasonNoting: the digest of what is to be published is being noted on the
	// control plane. The write wakes us.
	ReasonNoting = "Noting"
	// ReasonSecretForeign: a Secret of the name is controlled by something else
	// and is not touched. Delete it, or have it taken over.
	ReasonSecretForeign = "SecretForeign"
	// ReasonSecretNameTaken: the condition is true: the administrators' Secret has
	// the name of another Cluster's kubeconfig Secret, which comes first, and is
	// done without.
	ReasonSecretNameTaken = "SecretNameTaken"
	// ReasonSecretLabelMissing: a Secret that a user keeps lacks the label without
	// which Cluster API does not see it. Set it.
	ReasonSecretLabelMissing = "SecretLabelMissing"
)

// publishEndpoint tells Cluster API where the API server answers. It never
// changes an endpoint that is set: Cluster API would not follow.
func (r *Reconciler) publishEndpoint(_ context.Context, s *scope) phase.Outcome {
	if !s.plane.Spec.ControlPlaneEndpoint.IsZero() {
		return phase.Done()
	}
	host, port, err := kubeconfig.Endpoint(s.kubeconfig.Server)
	if err != nil {
		return phase.BlockWith(err, ReasonOutputsNotRead)
	}
	s.plane.Spec.ControlPlaneEndpoint = clusterv1.APIEndpoint{Host: host, Port: port}
	return phase.Done()
}

// publishKubeconfig makes the Secrets be there and right, whatever has become
// of them.
func (r *Reconciler) publishKubeconfig(ctx context.Context, s *scope) phase.Outcome {
	secrets, err := kubeconfig.Secrets(client.ObjectKeyFromObject(s.cluster), s.plane.Name, s.kubeconfig)
	if err != nil {
		return phase.Fail(ReasonPublishFailed, err)
	}
	if !s.users && !s.note(secrets[0].Data[kubeconfig.KubeconfigKey]) {
		return phase.Undecided(ReasonNoting, "the kubeconfig is about to be published")
	}
	outcome := phase.Done()
	var foreign []error
	for i, secret := range secrets {
		switch verdict, err := r.publish(ctx, s, secret); {
		case err != nil:
			return phase.Fail(ReasonPublishFailed, fmt.Errorf("publishing Secret %s: %w", secret.Name, err))
		case verdict == kubeconfig.Foreign:
			s.conflicts++
			s.withheld = s.withheld || secret.Name == secrets[0].Name
			foreign = append(foreign, &defect{ReasonSecretForeign, fmt.Sprintf(
				"Secret %s is controlled by something else and was not touched; delete it, or name it in the annotation %s of this object to have it taken over", secret.Name, kubeconfig.TakeOverAnnotation)})
		case verdict == kubeconfig.NameTaken:
			s.conflicts++
			outcome = phase.Note(ReasonSecretNameTaken, fmt.Sprintf(
				"Secret %s is the kubeconfig of another Cluster and was not touched; rename this control plane to have an administrators' Secret", secret.Name))
		case i == 0:
			s.renewed = s.publishedDigest != "" && s.publishedDigest != digest(secret.Data[kubeconfig.KubeconfigKey])
		}
	}
	if err := r.deleteUnwanted(ctx, s, secrets); err != nil {
		return phase.Fail(ReasonPublishFailed, err)
	}
	s.describe(secrets[0].Name)
	if len(foreign) > 0 {
		return phase.BlockWith(errors.Join(foreign...), ReasonPublishFailed).Proceed()
	}
	return outcome
}

// deleteUnwanted deletes the Secret of ours that is not published any more: that of
// the CA, when a module has gone over to a publicly trusted one.
func (r *Reconciler) deleteUnwanted(ctx context.Context, s *scope, published []*corev1.Secret) error {
	for name, secret := range s.secrets {
		wanted := slices.ContainsFunc(published, func(p *corev1.Secret) bool { return p.Name == name })
		if wanted || !metav1.IsControlledBy(secret, s.plane) {
			continue
		}
		unchanged := client.Preconditions{UID: &secret.UID, ResourceVersion: &secret.ResourceVersion}
		if err := r.Client.Delete(ctx, secret, unchanged); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("deleting Secret %s: %w", name, err)
		}
	}
	return nil
}

// describe tells in the status what was published.
func (s *scope) describe(secretName string) {
	status := controlplanev1.KubeconfigStatus{SecretName: secretName, Credential: s.credential}
	if before := s.plane.Status.Kubeconfig; s.module == nil && s.kubeconfig.Opaque && s.credential == before.Credential && !s.users {
		// It was the outputs that said when it ends.
		status.ExpirationTime, status.RenewalTime = before.ExpirationTime, before.RenewalTime
	}
	if s.kubeconfig.Expires != nil {
		status.ExpirationTime = metav1.NewTime(s.kubeconfig.Expires.Truncate(time.Second))
		if s.credential != controlplanev1.PublishedUserProvided {
			status.RenewalTime = metav1.NewTime(s.kubeconfig.HalfLife().Truncate(time.Second))
		}
	}
	s.plane.Status.Kubeconfig = status
	s.described, s.isOut = true, !s.withheld
}

// defect says what is wrong with a Secret, or with what is to be in it.
type defect struct{ reason, message string }

func (e *defect) Error() string { return e.message }

// Reason is what conditions show.
func (e *defect) Reason() string { return e.reason }

// publish makes one Secret be as desired, if it is ours to write. It was read
// before the outputs: one that has changed since is a conflict.
func (r *Reconciler) publish(ctx context.Context, s *scope, desired *corev1.Secret) (kubeconfig.Verdict, error) {
	if err := controllerutil.SetControllerReference(s.plane, desired, r.Client.Scheme()); err != nil {
		return "", err
	}
	existing := s.secrets[desired.Name]
	if existing == nil {
		return kubeconfig.Ours, r.Client.Create(ctx, desired)
	}
	verdict := s.verdict(desired.Name)
	if verdict != kubeconfig.Ours && verdict != kubeconfig.Adopt {
		return verdict, nil
	}
	return verdict, r.repair(ctx, s.plane, existing, desired)
}

// repair makes an existing Secret as desired. Nothing is written if it is.
func (r *Reconciler) repair(ctx context.Context, plane *controlplanev1.CAPTControlPlane, existing, desired *corev1.Secret) error {
	owned := metav1.IsControlledBy(existing, plane)
	if owned && kubeconfig.UpToDate(existing, desired) {
		return nil
	}
	if !existing.DeletionTimestamp.IsZero() {
		return errors.New("it is being deleted, and something holds it with a finalizer; it is made anew when it is gone")
	}
	unchanged := client.Preconditions{UID: &existing.UID, ResourceVersion: &existing.ResourceVersion}
	if existing.Type != desired.Type || existing.Immutable != nil && *existing.Immutable {
		// Neither can be changed in place.
		if err := r.Client.Delete(ctx, existing, unchanged); err != nil {
			return err
		}
		return r.Client.Create(ctx, desired)
	}
	wanted := existing.DeepCopy()
	wanted.OwnerReferences = adopt(existing.OwnerReferences, desired.OwnerReferences[0])
	if wanted.Labels == nil {
		wanted.Labels = map[string]string{}
	}
	maps.Copy(wanted.Labels, desired.Labels)
	wanted.Data = desired.Data
	return r.Client.Update(ctx, wanted)
}

// clusterKind is Cluster API's Cluster, of any version.
var clusterKind = clusterv1.GroupVersion.WithKind("Cluster").GroupKind()

// adopt returns the owners with ours as the controller: the contract asks for
// one owner, so that an earlier controller and the Cluster make room.
func adopt(owners []metav1.OwnerReference, ours metav1.OwnerReference) []metav1.OwnerReference {
	adopted := []metav1.OwnerReference{ours}
	for _, owner := range owners {
		isOurs := owner.UID == ours.UID
		isController := owner.Controller != nil && *owner.Controller
		isCluster := schema.FromAPIVersionAndKind(owner.APIVersion, owner.Kind).GroupKind() == clusterKind
		if !isOurs && !isController && !isCluster {
			adopted = append(adopted, owner)
		}
	}
	return adopted
}

// deletePublished deletes the Secrets that the control plane controls, also those that
// have lost their labels.
func (r *Reconciler) deletePublished(ctx context.Context, plane *controlplanev1.CAPTControlPlane) error {
	secrets := &metav1.PartialObjectMetadataList{}
	secrets.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
	if err := r.Live.List(ctx, secrets, client.InNamespace(plane.Namespace)); err != nil {
		return fmt.Errorf("listing the Secrets of the control plane: %w", err)
	}
	for i := range secrets.Items {
		secret := &secrets.Items[i]
		if !metav1.IsControlledBy(secret, plane) {
			continue
		}
		secret.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
		if err := r.Client.Delete(ctx, secret); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("deleting Secret %s: %w", secret.Name, err)
		}
	}
	return nil
}
