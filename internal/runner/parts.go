package runner

import (
	"context"
	"crypto/rand"
	"errors"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/captproject/capt/internal/tfstate"
)

// Parts have no owner that could be asked whether a writer may still write. So
// the head is their fence: a writer first changes it (claim), then reads the
// parts, looks whether the head is still as it left it (fence), and writes only
// parts that have not changed since. Whoever has been overtaken by another
// writer fails at one of the two.

const (
	// partsManager owns the fields of a part's Secret that make it exist.
	partsManager = "capt-runner"
	// writerKey is the annotation of the head that claim changes.
	writerKey = "infrastructure.cluster.x-k8s.io/state-writer"
)

// claim makes the head ours.
func (s *stateStore) claim(ctx context.Context) error {
	head := s.nextHead()
	if head.Annotations == nil {
		head.Annotations = map[string]string{}
	}
	head.Annotations[writerKey] = s.run + "/" + rand.Text()
	if err := s.put(ctx, head); err != nil {
		return err
	}
	s.secret = head
	return nil
}

// fence returns errStateChanged if the head is not as we know it.
func (s *stateStore) fence(ctx context.Context) error {
	head := &corev1.Secret{}
	if err := s.client.Get(ctx, s.key(tfstate.SecretName(s.suffix)), head); err != nil {
		return err
	}
	if s.secret == nil || head.ResourceVersion != s.secret.ResourceVersion {
		return apierrors.NewConflict(corev1.Resource("secrets"), head.Name, errStateChanged)
	}
	return nil
}

// putParts has Secrets hold these parts, with these finalizers.
func (s *stateStore) putParts(ctx context.Context, parts []tfstate.Part, finalizers ...string) error {
	secrets := make([]*corev1.Secret, len(parts))
	for i, part := range parts {
		secret, err := s.ensure(ctx, part.Name, s.labels, finalizers...)
		if err != nil {
			return err
		}
		secret.Data = map[string][]byte{tfstate.PartKey: part.Data}
		secrets[i] = secret
	}
	if err := s.fence(ctx); err != nil {
		return err
	}
	for _, secret := range secrets {
		if err := s.client.Update(ctx, secret); err != nil {
			return err
		}
	}
	return nil
}

// ensure has a Secret exist and returns it as it is. By server-side apply, it can
// be made with the right to make one of this name only.
func (s *stateStore) ensure(ctx context.Context, name string, labels map[string]string, finalizers ...string) (*corev1.Secret, error) {
	wanted := corev1ac.Secret(name, s.namespace).WithLabels(labels).WithFinalizers(finalizers...)
	if err := s.client.Apply(ctx, wanted, client.FieldOwner(partsManager), client.ForceOwnership); err != nil {
		return nil, err
	}
	secret := &corev1.Secret{}
	return secret, s.client.Get(ctx, s.key(name), secret)
}

// sweep empties the parts that the head does not need: those of the state before,
// and, once in a run, those of writes that crashed. What is left is found again
// by the next run: parts are filled from the first and emptied from the last, so
// that where the first is empty, all are.
func (s *stateStore) sweep(ctx context.Context) {
	head := tfstate.SecretName(s.suffix)
	needed, err := tfstate.Parts(s.secret)
	if err == nil && (!s.swept || len(needed) > 0) {
		err = errors.Join(
			s.empty(ctx, tfstate.PartNames(head, tfstate.GroupA), needed),
			s.empty(ctx, tfstate.PartNames(head, tfstate.GroupB), needed))
	}
	if err != nil {
		s.report(err)
	}
	s.swept = err == nil && len(needed) == 0
}

// empty empties the Secrets of these names, up to the first that is empty already,
// except those that are needed.
func (s *stateStore) empty(ctx context.Context, names, needed []string) error {
	if len(needed) > 0 && needed[0] == names[0] {
		names = names[len(needed):]
	}
	var filled []*corev1.Secret
	for _, name := range names {
		secret := &corev1.Secret{}
		if err := s.client.Get(ctx, s.key(name), secret); client.IgnoreNotFound(err) != nil {
			return err
		}
		if len(secret.Data) == 0 {
			break
		}
		filled = append(filled, secret)
	}
	if len(filled) == 0 {
		return nil
	}
	if err := s.fence(ctx); err != nil {
		return err
	}
	for i := len(filled) - 1; i >= 0; i-- {
		filled[i].Data, filled[i].Finalizers = nil, nil
		if err := s.client.Update(ctx, filled[i]); err != nil {
			return err
		}
	}
	return nil
}
