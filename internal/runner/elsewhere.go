package runner

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/captproject/capt/internal/tfstate"
)

// elsewhere tells whether the state is kept by a backend of the template's, and not
// by us. Its own lock guards single commands, ours the run.
func (r *run) elsewhere() bool { return r.inputs.Module.Backend != "" }

// pullState looks at a state that is kept elsewhere, once OpenTofu knows where.
func (r *run) pullState(ctx context.Context) error {
	if !r.elsewhere() {
		return nil
	}
	state, err := r.cli.StatePull(ctx)
	if err != nil {
		return r.outcome(ctx, err, ReasonBackendFailed, readingState)
	}
	if _, err := tfstate.VersionOf(state); err != nil {
		state = nil // OpenTofu makes one up, without a lineage, where there is none
	}
	r.store.state = state
	r.redactor.add(tfstate.SensitiveValues(state)...)
	return nil
}

// movedAway tells whether there is infrastructure in a state that is not where the
// template has the state now: it has got another backend, or lost it, and nobody has
// moved the state there.
func (r *run) movedAway() bool {
	if !r.elsewhere() {
		empty, err := tfstate.Empty(r.store.state)
		return tfstate.ElsewhereOf(r.store.secret) == tfstate.ElsewhereKept && err == nil && empty
	}
	ours, _ := tfstate.VersionOf(r.ourState)
	theirs, _ := tfstate.VersionOf(r.store.state)
	empty, err := tfstate.Empty(r.ourState)
	return (err != nil || !empty) && ours.Lineage != theirs.Lineage
}

// movedAwayMessage says where the state is, and what a person has to do.
func (r *run) movedAwayMessage() string {
	secret := tfstate.SecretName(r.suffix())
	if r.elsewhere() {
		return fmt.Sprintf("the state is in Secret %s, and the template's backend has none or another; move it there, or take the backend out of the template", secret)
	}
	return fmt.Sprintf("the state is in a backend that the template does not have any more; give it back to the template, or move the state to Secret %s, or, if nothing of what was made exists any more, remove the annotation %s from that Secret",
		secret, tfstate.ElsewhereKey)
}

// noteElsewhere notes, before anything is made, that there may be infrastructure
// although we keep no state.
func (r *run) noteElsewhere(ctx context.Context) error {
	if !r.elsewhere() || tfstate.ElsewhereOf(r.store.secret) == tfstate.ElsewhereKept {
		return nil
	}
	if empty, err := tfstate.Empty(r.store.state); err == nil && empty && !r.changed {
		return nil
	}
	if err := r.setElsewhere(ctx, tfstate.ElsewhereKept); err != nil {
		return fail(ReasonBackendFailed, err.Error())
	}
	return nil
}

// lookElsewhere finds out what has become of a state that is kept elsewhere. If
// that fails, it may hold infrastructure.
func (r *run) lookElsewhere(ctx context.Context) {
	if !r.planned || !r.elsewhere() || r.onlyPlans() {
		return
	}
	err := r.pullState(ctx)
	if err == nil {
		if empty, emptyErr := tfstate.Empty(r.store.state); emptyErr != nil || !empty || tfstate.ElsewhereOf(r.store.secret) == "" {
			return
		}
		err = r.setElsewhere(ctx, tfstate.ElsewhereEmpty)
	}
	if err != nil {
		r.log.printf("looking at the state after the run: %v", err)
	}
}

func (r *run) setElsewhere(ctx context.Context, is tfstate.Elsewhere) error {
	err := retry(ctx, refused, r.awaitAPI, func(ctx context.Context) error {
		secret, _, err := r.store.read(ctx)
		if err != nil {
			return err
		}
		if secret == nil {
			secret = tfstate.NewSecret(r.Namespace, r.suffix(), r.labels)
		}
		return r.putElsewhere(ctx, secret, is)
	})
	if err != nil {
		return fmt.Errorf("noting that the state is kept by another backend: %w", err)
	}
	return nil
}

func (r *run) putElsewhere(ctx context.Context, head *corev1.Secret, is tfstate.Elsewhere) error {
	tfstate.SetElsewhere(head, is)
	tfstate.Protect(head, r.labels)
	if err := r.store.put(ctx, head); err != nil {
		return err
	}
	r.store.secret = head
	return nil
}
