package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"

	"k8s.io/utils/ptr"

	"github.com/captproject/capt/internal/tfstate"
)

// recover saves the state that an earlier start of this run has left on disk,
// and could not save. It does so only if that is proven to be the one that
// belongs there: the lock was the run's all the time, so that nobody has written
// since; it is of the same lineage as the state in Kubernetes; and it is newer.
// Otherwise a person has to look.
func (r *run) recover(ctx context.Context) error {
	files, err := StateOnDisk(r.Dir)
	if err != nil || len(files) == 0 {
		return err
	}
	if r.elsewhere() {
		return fail(ReasonStateNotSaved, "the template's backend did not take the state; "+r.onDiskMessage(files))
	}
	state, err := newest(files, len(r.store.state) == 0)
	if err == nil {
		err = r.belongs(state)
	}
	if err != nil {
		return fail(ReasonStateNotSaved, fmt.Sprintf("%v; %s", err, r.onDiskMessage(files)))
	}
	if !sameJSON(state, r.store.state) {
		saving, cancel := context.WithTimeout(ctx, r.Grace)
		defer cancel()
		if err := r.store.save(saving, state); err != nil {
			return r.notSaved(err, files)
		}
		r.redactor.add(tfstate.SensitiveValues(state)...)
	}
	r.log.printf("the state that an earlier start of this run has left is saved")
	// That start was cut short.
	r.Terms.GuardTainted = ptr.To(true)
	for _, file := range files {
		err = errors.Join(err, os.Remove(file))
	}
	return err
}

// newest is the latest of the states in files, which are of one lineage. If they
// are the first of their workspace they may have none yet.
func newest(files []string, first bool) ([]byte, error) {
	var latest []byte
	var version tfstate.Version
	for _, file := range files {
		state, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if first {
			if state, err = tfstate.WithLineage(state); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
		}
		v, err := tfstate.VersionOf(state)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if latest != nil && v.Lineage != version.Lineage {
			return nil, errors.New("the states on disk are of different lineages")
		}
		if latest == nil || v.Serial > version.Serial {
			latest, version = state, v
		}
	}
	return latest, nil
}

// belongs says why a state is not proven to be the successor of the one in
// Kubernetes; nil if it is, or the same.
func (r *run) belongs(state []byte) error {
	if !r.lock.resumed {
		return errors.New("the run has lost its lock meanwhile, so that the state may have been written by others")
	}
	if len(r.store.state) == 0 || sameJSON(state, r.store.state) {
		return nil
	}
	left, err := tfstate.VersionOf(state)
	if err != nil {
		return err
	}
	stored, err := tfstate.VersionOf(r.store.state)
	switch {
	case err != nil:
		return fmt.Errorf("the state in Kubernetes: %w", err)
	case left.Lineage != stored.Lineage:
		return errors.New("the state on disk is of another lineage than the one in Kubernetes")
	case left.Serial <= stored.Serial:
		return fmt.Errorf("the state on disk has serial %d, and the one in Kubernetes %d", left.Serial, stored.Serial)
	}
	return nil
}

// sameJSON tells whether two states say the same. OpenTofu indents what it
// leaves on disk.
func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}
