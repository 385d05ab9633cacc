package controlplane

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/captproject/capt/internal/kubeconfig"
	"github.com/captproject/capt/internal/phase"
)

// digestAnnotation on a control plane has the SHA-256, in hexadecimal, of the
// kubeconfig that is published, or just about to be, and of the one before. A
// token that somebody has damaged can look as good as before: what was never to
// be published is not believed. It is written before the Secrets are.
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
	secrets := map[string]*corev1.Secret{}
	for _, name := range kubeconfig.SecretNames(s.cluster.Name, s.plane.Name) {
		secret := &corev1.Secret{}
		err := r.Live.Get(ctx, client.ObjectKey{Namespace: s.cluster.Namespace, Name: name}, secret)
		if err == nil {
			secrets[name] = secret
		} else if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("reading Secret %s: %w", name, err)
		}
	}
	s.secrets = secrets
	contract := kubeconfig.SecretName(s.cluster.Name)
	if s.users = s.verdict(contract) == kubeconfig.UserProvided; s.users {
		s.published, s.usersErr = r.judgeSecret(s, contract)
		s.isOut = s.usersErr == nil
		return nil
	}
	for _, believe := range s.beliefs() {
		for _, name := range []string{contract, kubeconfig.AdministratorsSecretName(s.plane.Name)} {
			if !s.mayBelieve(name) || !believe(s.value(name)) {
				continue
			}
			if judged, err := r.judgeSecret(s, name); err == nil {
				s.published, s.publishedDigest = judged, digest(s.value(name))
				s.isOut = digest(s.value(contract)) == s.publishedDigest
				return nil
			}
		}
	}
	return nil
}

// beliefs are what a kubeconfig has to be to be believed, the best first: what
// was last noted, what was noted before. Everything is believed if nothing was
// ever noted, by an earlier CAPT. That two Secrets hold the same proves nothing:
// whoever damages one can damage both.
func (s *scope) beliefs() (beliefs []func(value []byte) bool) {
	noted := s.noted()
	if len(noted) == 0 {
		return append(beliefs, func([]byte) bool { return true })
	}
	for _, want := range noted {
		beliefs = append(beliefs, func(value []byte) bool { return digest(value) == want })
	}
	return beliefs
}

// mayBelieve tells whether what is in a Secret can be ours by whose it is. One that
// has lost its owner is, if what was noted proves it.
func (s *scope) mayBelieve(name string) bool {
	if secret := s.secrets[name]; secret != nil && metav1.IsControlledBy(secret, s.plane) {
		return true
	}
	verdict := s.verdict(name)
	return len(s.noted()) > 0 && (verdict == kubeconfig.Ours || verdict == kubeconfig.Adopt)
}

// noted are the digests that were noted, the latest first.
func (s *scope) noted() []string { return strings.Fields(s.plane.Annotations[digestAnnotation]) }

// note notes what is about to be published, and tells whether it was noted
// already. If not it is with this reconcile, and the write wakes us.
func (s *scope) note(value []byte) bool {
	want, noted := digest(value), s.noted()
	if len(noted) > 0 && noted[0] == want {
		return true
	}
	digests := strings.TrimSpace(want + " " + s.publishedDigest)
	metav1.SetMetaDataAnnotation(&s.plane.ObjectMeta, digestAnnotation, digests)
	return false
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

// judgeSecret judges the kubeconfig in a Secret that is there.
func (r *Reconciler) judgeSecret(s *scope, name string) (*kubeconfig.Kubeconfig, error) {
	secret := s.secrets[name]
	if secret.Labels[clusterv1.ClusterNameLabel] == "" && s.verdict(name) == kubeconfig.UserProvided {
		return nil, &defect{ReasonSecretLabelMissing, fmt.Sprintf("Cluster API does not see it without the label %s", clusterv1.ClusterNameLabel)}
	}
	value := s.value(name)
	if len(value) == 0 {
		return nil, &defect{kubeconfig.ReasonUnreadable, fmt.Sprintf("it has no key %s, or nothing in it", kubeconfig.KubeconfigKey)}
	}
	return kubeconfig.Judge(kubeconfig.Candidate{Kubeconfig: value, AllowInsecure: s.allowsInsecure()}, r.Clock.Now())
}
