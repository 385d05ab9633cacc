package runner

import (
	"context"
	"fmt"
	"strconv"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/tfstate"
)

// keepVersion keeps the state that the run has found, before its first write, and
// returns the version's number; 0 if there is nothing to be kept. A version that
// the API server refuses to take does not keep the new state from being saved.
func (s *stateStore) keepVersion(ctx context.Context) (int, error) {
	if s.kept || len(s.state) == 0 {
		return 0, nil
	}
	version := tfstate.NextVersion(s.secret)
	err := s.putVersion(ctx, version)
	if refused(err) {
		s.report(fmt.Errorf("keeping the state as version %d: %w", version, err))
		return 0, nil
	}
	return version, err
}

// putVersion writes the state as a version: its parts, then their list.
func (s *stateStore) putVersion(ctx context.Context, version int) error {
	name := tfstate.VersionName(s.suffix, version)
	secret, err := s.ensure(ctx, name, s.labels)
	if err != nil {
		return err
	}
	parts, err := tfstate.Encode(secret, s.state, tfstate.GroupA)
	if err != nil {
		return err
	}
	tfstate.DescribeVersion(secret, s.state, s.run)
	if len(parts) > 0 {
		if err := s.putParts(ctx, parts); err != nil {
			return err
		}
	}
	if err := s.fence(ctx); err != nil {
		return err
	}
	if err := s.client.Update(ctx, secret); err != nil {
		return err
	}
	needed, err := tfstate.Parts(secret)
	if err != nil {
		return err
	}
	return s.empty(ctx, tfstate.PartNames(name, tfstate.GroupA), needed)
}

// restore makes an earlier version the state again, if a person has asked for it
// by an annotation on the state's Secret. What the state was until then is kept as
// a version.
func (r *run) restore(ctx context.Context) error {
	if r.store.secret == nil {
		return nil
	}
	wanted, ok := r.store.secret.Annotations[infrav1.RestoreStateAnnotation]
	if !ok {
		return nil
	}
	version, err := strconv.Atoi(wanted)
	if err != nil || version < 1 || version > tfstate.KeptVersions {
		return fail(ReasonStateNotRestored, fmt.Sprintf("the annotation %s wants version %q, and there are versions 1 to %d at most", infrav1.RestoreStateAnnotation, wanted, tfstate.KeptVersions))
	}
	name := tfstate.VersionName(r.store.suffix, version)
	_, state, err := ReadState(ctx, r.client, r.store.key(name))
	if err != nil {
		return fail(ReasonStateNotRestored, fmt.Sprintf("reading version %d of the state from Secret %s: %v", version, name, err))
	}
	if len(state) == 0 {
		return fail(ReasonStateNotRestored, fmt.Sprintf("Secret %s holds no version of the state", name))
	}
	if r.store.state == nil {
		// The number of the latest version was lost with the state.
		tfstate.SetLastVersion(r.store.secret, version)
	}
	delete(r.store.secret.Annotations, infrav1.RestoreStateAnnotation)
	tfstate.SetRestored(r.store.secret, r.Run)
	if err := r.store.save(ctx, state); err != nil {
		return fail(ReasonStateNotRestored, err.Error())
	}
	r.log.printf("the state is version %d again", version)
	r.redactor.add(tfstate.SensitiveValues(state)...)
	return nil
}
