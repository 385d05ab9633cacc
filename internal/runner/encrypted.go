package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/tfstate"
)

// markEmpty notes that a destroy has left nothing, where nobody but OpenTofu can
// tell: a module may encrypt its state. Without the note the state counts as one
// that may hold anything.
func (r *run) markEmpty(ctx context.Context) error {
	if r.Operation != infrav1.OperationDestroy || !r.planned || r.elsewhere() || r.server.failed() != nil {
		return nil
	}
	if _, err := tfstate.Empty(r.store.state); err == nil || tfstate.MarkedEmpty(r.store.secret, r.store.state) {
		return nil
	}
	decrypted, err := r.cli.StatePull(ctx)
	if err != nil {
		return r.outcome(ctx, err, ReasonDestroyFailed, readingEncrypted)
	}
	empty, err := tfstate.Empty(decrypted)
	if err != nil || !empty {
		return err
	}
	return r.store.markEmpty(ctx)
}

// markEmpty notes in the head that the state records no infrastructure, unless it
// is another one by now.
func (s *stateStore) markEmpty(ctx context.Context) error {
	final := func(err error) bool { return refused(err) || errors.Is(err, errStateChanged) }
	err := retry(ctx, final, s.report, func(ctx context.Context) error {
		head, state, err := s.read(ctx)
		switch {
		case err != nil:
			return err
		case head == nil || !bytes.Equal(state, s.state):
			return errStateChanged
		}
		tfstate.MarkEmpty(head, state)
		if err := s.put(ctx, head); err != nil {
			return err
		}
		s.secret = head
		return nil
	})
	if err != nil {
		return fmt.Errorf("noting that the state is empty: %w", err)
	}
	return nil
}
