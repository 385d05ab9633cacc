package controlplane

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/captproject/capt/internal/kubeconfig"
	"github.com/captproject/capt/internal/phase"
)

// digestAnnotation on a control plane is the SHA-256, in hexadecimal, of the
// kubeconfig that was last published. A token that somebody has damaged can look
// as good as before: what is not what was published is not believed.
const digestAnnotation = "capt.cluster.x-k8s.io/kubeconfig-digest"

// readPublished reads the Secrets that there are. They are read before the
// outputs: an optimistic lock on what was read here proves that nobody has
// published anything newer meanwhile.
func (r *Reconciler) readPublished(ctx context.Context, s *scope) phase.Outcome {
	if err := r.readSecrets(ctx, s); err != nil {
		return phase.Fail(ReasonPublishFailed, err)
	}
	return phase.Done()
}

func (r *Reconciler) readSecrets(ctx context.Context, s *scope) error {
	s.secrets = map[string]*corev1.Secret{}
	for _, name := range kubeconfig.SecretNames(s.cluster.Name, s.plane.Name) {
		secret := &corev1.Secret{}
		err := r.Live.Get(ctx, client.ObjectKey{Namespace: s.cluster.Namespace, Name: name}, secret)
		if err == nil {
			s.secrets[name] = secret
		} else if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("reading Secret %s: %w", name, err)
		}
	}
	contract := kubeconfig.SecretName(s.cluster.Name)
	s.users = s.verdict(contract) == kubeconfig.UserProvided
	for _, name := range []string{contract, kubeconfig.AdministratorsSecretName(s.plane.Name)} {
		judged, err := r.judgeSecret(s, name)
		switch {
		case s.users && name == contract:
			s.published, s.usersErr = judged, err
			return nil
		case err == nil && s.published == nil && metav1.IsControlledBy(s.secrets[name], s.plane) && s.believes(name):
			s.published = judged
		}
	}
	return nil
}

// believes tells whether the kubeconfig in a Secret is what was published: by its
// digest or, where noting that has failed, because both Secrets hold it. A Secret
// of an earlier CAPT is believed: it has noted nothing.
func (s *scope) believes(name string) bool {
	value, noted := s.value(name), s.plane.Annotations[digestAnnotation]
	contract, administrators := kubeconfig.SecretName(s.cluster.Name), kubeconfig.AdministratorsSecretName(s.plane.Name)
	return noted == "" || noted == digest(value) || contract != administrators && bytes.Equal(s.value(contract), s.value(administrators))
}

// value is the kubeconfig in a Secret; nil if there is none.
func (s *scope) value(name string) []byte {
	if secret := s.secrets[name]; secret != nil {
		return secret.Data[kubeconfig.KubeconfigKey]
	}
	return nil
}

func digest(value []byte) string { return fmt.Sprintf("%x", sha256.Sum256(value)) }

// verdict says whose a published Secret is; "" if there is none.
func (s *scope) verdict(name string) kubeconfig.Verdict {
	secret := s.secrets[name]
	if secret == nil {
		return ""
	}
	desired := kubeconfig.NewSecret(client.ObjectKeyFromObject(s.cluster), name, nil)
	return kubeconfig.Ownership(secret, desired, s.plane)
}

var errNoSecret = errors.New("there is no Secret")

// judgeSecret judges the kubeconfig in a Secret.
func (r *Reconciler) judgeSecret(s *scope, name string) (*kubeconfig.Kubeconfig, error) {
	secret := s.secrets[name]
	if secret == nil {
		return nil, errNoSecret
	}
	if secret.Labels[clusterv1.ClusterNameLabel] == "" && s.verdict(name) == kubeconfig.UserProvided {
		return nil, &secretError{ReasonSecretLabelMissing, fmt.Sprintf("Cluster API does not see it without the label %s", clusterv1.ClusterNameLabel)}
	}
	return kubeconfig.Judge(kubeconfig.Candidate{Kubeconfig: secret.Data[kubeconfig.KubeconfigKey], AllowInsecure: s.allowsInsecure()}, r.Clock.Now())
}
