package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/captproject/capt/internal/tfstate"
)

// errStateChanged means that somebody else wrote the state although we hold
// its lock.
var errStateChanged = errors.New("the state was changed by somebody else during the run")

// stateStore keeps one workspace's state in its Secrets. It is not safe for
// concurrent use.
type stateStore struct {
	client    client.Client
	namespace string
	suffix    string
	labels    map[string]string
	// run is noted with the version of the state that it replaces.
	run    string
	report func(error)

	// secret as it was last read or written, nil if there was none.
	secret *corev1.Secret
	// state in it, nil if there was none.
	state []byte
	// kept is true when the state that the run found has been kept as a version.
	kept bool
	// swept is true when no parts are left of writes that crashed.
	swept bool
}

func (r *run) newStore() *stateStore {
	return &stateStore{client: r.client, namespace: r.Namespace, suffix: r.suffix(), labels: r.labels, run: r.Run, report: r.awaitAPI}
}

// load reads the state.
func (s *stateStore) load(ctx context.Context) error {
	err := retry(ctx, func(err error) bool { return refused(err) || errors.Is(err, errUnreadable) }, s.report, func(ctx context.Context) error {
		secret, state, err := s.read(ctx)
		if err == nil {
			s.secret, s.state = secret, state
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("reading the state: %w", err)
	}
	return nil
}

func (s *stateStore) read(ctx context.Context) (*corev1.Secret, []byte, error) {
	return ReadState(ctx, s.client, s.key(tfstate.SecretName(s.suffix)))
}

func (s *stateStore) key(name string) client.ObjectKey {
	return client.ObjectKey{Namespace: s.namespace, Name: name}
}

// errUnreadable means that what is in the Secret is no state.
var errUnreadable = errors.New("it cannot be decoded")

// ReadState returns the Secret with this key and the state that is kept in it
// and its parts: nil if there is no Secret, no state if it is empty.
func ReadState(ctx context.Context, c client.Reader, key client.ObjectKey) (*corev1.Secret, []byte, error) {
	head := &corev1.Secret{}
	if err := c.Get(ctx, key, head); err != nil {
		return nil, nil, client.IgnoreNotFound(err)
	}
	names, err := tfstate.Parts(head)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errUnreadable, err)
	}
	var parts [][]byte
	for _, name := range names {
		part := &corev1.Secret{}
		if err := c.Get(ctx, client.ObjectKey{Namespace: key.Namespace, Name: name}, part); client.IgnoreNotFound(err) != nil {
			return nil, nil, err
		}
		parts = append(parts, part.Data[tfstate.PartKey])
	}
	state, err := tfstate.Decode(head, parts...)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errUnreadable, err)
	}
	return head, state, nil
}

// adopt protects a state that was let go of before, or that a person has put here: the
// parts first, so that one whose head is protected is protected whole.
func (s *stateStore) adopt(ctx context.Context) error {
	if len(s.state) == 0 || !s.secret.DeletionTimestamp.IsZero() || slices.Contains(s.secret.Finalizers, tfstate.Finalizer) {
		return nil
	}
	parts, err := tfstate.Parts(s.secret)
	if err != nil {
		return err
	}
	for _, name := range append(parts, s.secret.Name) {
		err := retry(ctx, refused, s.report, func(ctx context.Context) error { return s.protect(ctx, name) })
		if err != nil {
			return fmt.Errorf("protecting the state's Secret %s: %w", name, err)
		}
	}
	return s.load(ctx)
}

func (s *stateStore) protect(ctx context.Context, name string) error {
	secret := &corev1.Secret{}
	if err := s.client.Get(ctx, s.key(name), secret); err != nil {
		return err
	}
	tfstate.Protect(secret, s.labels)
	return s.client.Update(ctx, secret)
}

// save writes the state, and tries until ctx ends: whatever the API server
// says, giving up is worse. Only a state that is too large
// (*tfstate.TooLargeError) or that somebody else has written (errStateChanged)
// cannot be helped.
func (s *stateStore) save(ctx context.Context, state []byte) error {
	final := func(err error) bool {
		var tooLarge *tfstate.TooLargeError
		return errors.As(err, &tooLarge) || errors.Is(err, errStateChanged)
	}
	err := retry(ctx, final, s.report, func(ctx context.Context) error {
		err := s.write(ctx, state)
		if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || apierrors.IsNotFound(err) {
			err = s.reconcile(ctx, state)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("saving the state: %w", err)
	}
	return nil
}

// write writes the state once. Until the head is written, the old one is whole.
func (s *stateStore) write(ctx context.Context, state []byte) error {
	version, err := s.keepVersion(ctx)
	if err != nil {
		return err
	}
	head := s.nextHead()
	if version > 0 {
		tfstate.SetLastVersion(head, version)
	}
	tfstate.SetElsewhere(head, "")
	tfstate.UnmarkEmpty(head)
	parts, err := tfstate.Encode(head, state, tfstate.NextGroup(s.secret))
	if err != nil {
		return err
	}
	if len(parts) > 0 {
		if err := s.claim(ctx); err != nil {
			return err
		}
		head.ResourceVersion = s.secret.ResourceVersion
		if err := s.putParts(ctx, parts, tfstate.Finalizer); err != nil {
			return err
		}
	}
	if err := s.put(ctx, head); err != nil {
		return err
	}
	s.secret, s.state, s.kept = head, state, true
	s.sweep(ctx)
	return nil
}

// nextHead is the head that is to be changed and written.
func (s *stateStore) nextHead() *corev1.Secret {
	if s.secret == nil {
		return tfstate.NewSecret(s.namespace, s.suffix, s.labels)
	}
	head := s.secret.DeepCopy()
	tfstate.Protect(head, s.labels)
	return head
}

// put writes the head, if nobody else has.
func (s *stateStore) put(ctx context.Context, head *corev1.Secret) error {
	if head.ResourceVersion != "" {
		return s.client.Update(ctx, head)
	}
	err := s.client.Create(ctx, head)
	if !apierrors.IsForbidden(err) {
		return err
	}
	// The head has vanished, and we may make Secrets by server-side apply only.
	made, err := s.ensure(ctx, head.Name, head.Labels, head.Finalizers...)
	if err != nil {
		return err
	}
	if len(made.Data) > 0 {
		return apierrors.NewAlreadyExists(corev1.Resource("secrets"), head.Name)
	}
	head.ResourceVersion = made.ResourceVersion
	return s.client.Update(ctx, head)
}

// reconcile looks at a Secret that is not the one we know, and writes to it if
// the state in it is. It may also hold what we were about to write: an answer
// got lost, but not the request.
func (s *stateStore) reconcile(ctx context.Context, state []byte) error {
	secret, found, err := s.read(ctx)
	switch {
	case errors.Is(err, errUnreadable):
		return errStateChanged
	case err != nil:
		return err
	case found != nil && bytes.Equal(found, state):
		s.secret, s.state, s.kept = secret, state, true
		return nil
	case found != nil && !bytes.Equal(found, s.state):
		return errStateChanged
	}
	s.secret = secret
	return s.write(ctx, state)
}
