package controlplane

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	"github.com/captproject/capt/internal/kubeconfig"
	"github.com/captproject/capt/internal/phase"
	"github.com/captproject/capt/internal/workspace"
)

// Reasons of the conditions KubeconfigReady and EndpointAvailable, besides those
// of the packages contract and kubeconfig.
const (
	// ReasonOutputsNotRead: the API server refused to give the outputs. It is
	// tried again.
	ReasonOutputsNotRead = "OutputsNotRead"
	// ReasonPublishFailed: the API server refused a Secret. It is tried again.
	ReasonPublishFailed = "PublishFailed"
	// ReasonSecretForeign: a Secret of the name is controlled by something else
	// and is not touched. Delete it, or its owner's claim to it.
	ReasonSecretForeign = "SecretForeign"
	// ReasonSecretNameTaken: the administrators' Secret has the name of another
	// Cluster's kubeconfig Secret, which comes first. Rename one of the two.
	ReasonSecretNameTaken = "SecretNameTaken"
)

// readOutputs reads what the module gave.
func (r *Reconciler) readOutputs(ctx context.Context, s *scope) phase.Outcome {
	outputs, err := workspace.Outputs(ctx, r.Live, s.apply)
	if err != nil {
		return phase.BlockWith(err, ReasonOutputsNotRead)
	}
	if s.outputs, err = outputs.ControlPlane(s.plane.Spec.Outputs); err != nil {
		return phase.BlockWith(err, ReasonOutputsNotRead)
	}
	return phase.Done()
}

// judgeKubeconfig finds out whether the outputs make a good kubeconfig. A bad
// one goes no further: what was published before stays.
func (r *Reconciler) judgeKubeconfig(_ context.Context, s *scope) phase.Outcome {
	judged, err := kubeconfig.Judge(kubeconfig.Candidate{
		Kubeconfig: s.outputs.Kubeconfig,
		Parts: kubeconfig.Parts{
			Server:            s.outputs.Endpoint,
			CACertificate:     s.outputs.CACertificate,
			ClientCertificate: s.outputs.ClientCertificate,
			ClientKey:         s.outputs.ClientKey,
			Token:             s.outputs.Token,
		},
	}, r.Clock.Now())
	if err != nil {
		return phase.BlockWith(err, ReasonOutputsNotRead)
	}
	s.kubeconfig = judged
	return phase.Done()
}

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
	var refused []error
	for _, secret := range secrets {
		switch verdict, err := r.publish(ctx, s.plane, secret); {
		case err != nil:
			return phase.Fail(ReasonPublishFailed, fmt.Errorf("publishing Secret %s: %w", secret.Name, err))
		case verdict == kubeconfig.Foreign:
			refused = append(refused, &secretError{ReasonSecretForeign, fmt.Sprintf(
				"Secret %s is controlled by something else and was not touched; delete it to have it made anew", secret.Name)})
		case verdict == kubeconfig.NameTaken:
			refused = append(refused, &secretError{ReasonSecretNameTaken, fmt.Sprintf(
				"Secret %s is the kubeconfig of another Cluster and was not touched; rename this control plane to have an administrators' Secret", secret.Name)})
		}
	}
	s.plane.Status.Kubeconfig.SecretName = secrets[0].Name
	s.plane.Status.Kubeconfig.ExpirationTime = metav1.Time{}
	if s.kubeconfig.Expires != nil {
		s.plane.Status.Kubeconfig.ExpirationTime = metav1.NewTime(s.kubeconfig.Expires.Truncate(time.Second))
	}
	if len(refused) > 0 {
		return phase.BlockWith(errors.Join(refused...), ReasonPublishFailed).Proceed()
	}
	return phase.Done()
}

// secretError says why a Secret was not written.
type secretError struct{ reason, message string }

func (e *secretError) Error() string { return e.message }

// Reason is what conditions show.
func (e *secretError) Reason() string { return e.reason }

// publish makes one Secret be as desired, if it is ours to write.
func (r *Reconciler) publish(ctx context.Context, plane *controlplanev1.CAPTControlPlane, desired *corev1.Secret) (kubeconfig.Verdict, error) {
	if err := controllerutil.SetControllerReference(plane, desired, r.Client.Scheme()); err != nil {
		return "", err
	}
	existing := &corev1.Secret{}
	err := r.Live.Get(ctx, client.ObjectKeyFromObject(desired), existing)
	if apierrors.IsNotFound(err) {
		return kubeconfig.Ours, r.Client.Create(ctx, desired)
	}
	if err != nil {
		return "", err
	}
	verdict := kubeconfig.Ownership(existing, desired, plane)
	if verdict != kubeconfig.Ours && verdict != kubeconfig.Adopt {
		return verdict, nil
	}
	return verdict, r.repair(ctx, plane, existing, desired)
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
	existing.OwnerReferences = adopt(existing.OwnerReferences, desired.OwnerReferences[0])
	if existing.Labels == nil {
		existing.Labels = map[string]string{}
	}
	for name, value := range desired.Labels {
		existing.Labels[name] = value
	}
	existing.Data = desired.Data
	return r.Client.Update(ctx, existing)
}

// adopt returns the owners with ours as the controller: the contract asks for
// one owner, so that an earlier controller and the Cluster make room.
func adopt(owners []metav1.OwnerReference, ours metav1.OwnerReference) []metav1.OwnerReference {
	adopted := []metav1.OwnerReference{ours}
	for _, owner := range owners {
		isOurs := owner.UID == ours.UID
		isController := owner.Controller != nil && *owner.Controller
		isCluster := owner.Kind == "Cluster"
		if !isOurs && !isController && !isCluster {
			adopted = append(adopted, owner)
		}
	}
	return adopted
}

// deletePublished deletes the Secrets that the control plane controls.
func (r *Reconciler) deletePublished(ctx context.Context, plane *controlplanev1.CAPTControlPlane) error {
	secrets := &metav1.PartialObjectMetadataList{}
	secrets.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
	if err := r.Live.List(ctx, secrets, client.InNamespace(plane.Namespace), client.HasLabels{clusterv1.ClusterNameLabel}); err != nil {
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
