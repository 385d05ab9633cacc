package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/captproject/capt/internal/tfstate"
)

// errStateChanged means that somebody else wrote the state although we hold
// its lock.
var errStateChanged = errors.New("the state was changed by somebody else during the run")

// stateStore keeps one workspace's state in its Secret. It is not safe for
// concurrent use.
type stateStore struct {
	client    client.Client
	namespace string
	suffix    string
	labels    map[string]string
	report    func(error)

	// secret as it was last read or written, nil if there was none.
	secret *corev1.Secret
	// state in it, nil if there was none.
	state []byte
}

func (r *run) newStore() *stateStore {
	return &stateStore{client: r.client, namespace: r.Namespace, suffix: r.suffix(), labels: r.labels, report: r.awaitAPI}
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

// errUnreadable means that what is in the Secret is no state.
var errUnreadable = errors.New("it cannot be decoded")

func (s *stateStore) read(ctx context.Context) (*corev1.Secret, []byte, error) {
	secret := &corev1.Secret{}
	key := client.ObjectKey{Namespace: s.namespace, Name: tfstate.SecretName(s.suffix)}
	if err := s.client.Get(ctx, key, secret); err != nil {
		return nil, nil, client.IgnoreNotFound(err)
	}
	state, err := tfstate.Decode(secret)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errUnreadable, err)
	}
	return secret, state, nil
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

// write writes the state once.
func (s *stateStore) write(ctx context.Context, state []byte) error {
	secret := tfstate.NewSecret(s.namespace, s.suffix, s.labels)
	put := func() error { return s.client.Create(ctx, secret) }
	if s.secret != nil {
		secret = s.secret.DeepCopy()
		put = func() error { return s.client.Update(ctx, secret) }
	}
	if err := tfstate.Encode(secret, state); err != nil {
		return err
	}
	if err := put(); err != nil {
		return err
	}
	s.secret, s.state = secret, state
	return nil
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
		s.secret, s.state = secret, state
		return nil
	case found != nil && !bytes.Equal(found, s.state):
		return errStateChanged
	}
	s.secret = secret
	return s.write(ctx, state)
}
