package opentofu

import (
	"context"
	"fmt"
	"slices"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine"
	"github.com/captproject/capt/internal/runner"
	"github.com/captproject/capt/internal/tfstate"
)

// ReasonInputsLost is the reason when infrastructure is to be destroyed, but
// no inputs to do it with are left. Making the template and what it refers to
// resolvable again mends it.
const ReasonInputsLost = "InputsLost"

// Destroy is described by engine.Engine. Everything is read live: what a stale
// cache hides would be left behind for ever.
func (e *Engine) Destroy(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply, in *engine.Inputs) (engine.Observation, error) {
	runs, err := e.runs(ctx, e.Live, workspace)
	if err != nil {
		return engine.Observation{}, err
	}
	changes := changesOf(runs)
	latest := last(changes)
	if active, err := e.underWay(ctx, runs); active != nil || err != nil {
		return observe(decision{action: await}, active, changes), err
	}
	if unsaved := stateMayBeOnDisk(changes); unsaved != nil {
		return observe(decision{action: giveUp}, unsaved, changes), nil
	}
	empty, missing, err := e.stateEmpty(ctx, workspace)
	switch {
	case err != nil:
		return engine.Observation{}, err
	case missing != nil:
		return failedWith(missing, latest, changes), nil
	case !empty:
		return e.destroy(ctx, workspace, in, runs)
	}
	holder, err := e.lockHolder(ctx, workspace)
	if err != nil {
		return engine.Observation{}, err
	}
	if holder != "" {
		return lockedBy(holder, workspace, latest, changes), nil
	}
	return e.forget(ctx, workspace, runs, e.deleteState)
}

// lockHolder returns who holds the lock on the state; "" if nobody does.
func (e *Engine) lockHolder(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply) (string, error) {
	lease := &coordinationv1.Lease{}
	name := tfstate.LeaseName(tfstate.Suffix(workspace.Namespace, workspace.Name))
	if err := e.Live.Get(ctx, client.ObjectKey{Namespace: workspace.Namespace, Name: name}, lease); err != nil {
		if client.IgnoreNotFound(err) == nil {
			return "", nil
		}
		return "", fmt.Errorf("reading the lock of the state: %w", err)
	}
	return tfstate.Holder(lease), nil
}

// lockedBy is the observation of a state that is empty as far as we know, but
// locked although no run is active: by a person who works on it, or by a run that
// is gone and whose state is on its disk only. Leases are not watched.
func lockedBy(holder string, workspace *infrav1.WorkspaceTemplateApply, latest *infrav1.WorkspaceRun, changes []infrav1.WorkspaceRun) engine.Observation {
	return failedWith(&engine.Failure{
		Reason: runner.ReasonStateLocked,
		Message: fmt.Sprintf("the state is locked by %s, so that it may not be all there is; save what it has made, then release Lease %s",
			holder, tfstate.LeaseName(tfstate.Suffix(workspace.Namespace, workspace.Name))),
		RetryAfter: firstRetry,
	}, latest, changes)
}

// destroy starts a destroying run if one is due.
func (e *Engine) destroy(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply, in *engine.Inputs, runs []infrav1.WorkspaceRun) (engine.Observation, error) {
	digests, err := e.destroyDigests(ctx, workspace, in, runs)
	if err != nil {
		return engine.Observation{}, err
	}
	changes := changesOf(runs)
	latest := last(changes)
	next, digest := decideDestroy(digests, latest, newTerms(workspace, latest), e.Now())
	next = next.unless(workspace.Spec.Suspend)
	if next.action == start {
		taken, err := e.notOurs(ctx, workspace)
		if err != nil {
			return engine.Observation{}, err
		}
		if taken != nil {
			return failedWith(taken, latest, changes), nil
		}
		if latest, err = e.startDestroy(ctx, workspace, in, runs, digest, next.attempt); err != nil {
			return engine.Observation{}, err
		}
	}
	observation := observe(next, latest, changes)
	if len(digests) == 0 {
		observation.Failure = &engine.Failure{
			Reason: ReasonInputsLost,
			Message: fmt.Sprintf("there is a state with resources, but the inputs they were made from are lost and the template cannot be resolved; "+
				"restore template %s and what it refers to", workspace.Spec.TemplateRef.Name),
		}
	}
	return observation, nil
}

// startDestroy starts a destroying run after those there are, and returns it.
func (e *Engine) startDestroy(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply, in *engine.Inputs,
	runs []infrav1.WorkspaceRun, digest string, attempt int32,
) (*infrav1.WorkspaceRun, error) {
	if in != nil && in.Digest == digest {
		if err := e.storeInputs(ctx, workspace, *in); err != nil {
			return nil, err
		}
	}
	run, _, err := e.startRun(ctx, workspace, runs, infrav1.OperationDestroy, target{digest: digest}, attempt)
	if err != nil {
		return nil, err
	}
	// They are tried for as long as it takes. The applies stay, for they say what
	// there is to be destroyed.
	return run, e.keepLast(ctx, keptRuns, infrav1.OperationDestroy, runs)
}

// destroyDigests returns the digests of the inputs that a destroy can be made
// with, best first: those of the last success, the present ones, and those of
// the applies, latest first. Destroys do not count, so that each of them finds
// the same order.
func (e *Engine) destroyDigests(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply, in *engine.Inputs, runs []infrav1.WorkspaceRun) ([]string, error) {
	applied, err := e.applied(ctx, workspace)
	if err != nil {
		return nil, err
	}
	wanted := []string{applied.digest}
	if in != nil {
		wanted = append(wanted, in.Digest)
	}
	for _, run := range slices.Backward(runs) {
		if run.Spec.Operation == infrav1.OperationApply {
			wanted = append(wanted, run.Spec.InputsRef.Digest)
		}
	}
	var usable []string
	for _, digest := range wanted {
		if digest == "" || slices.Contains(usable, digest) {
			continue
		}
		stored, err := e.lookAt(ctx, workspace, inputsName(workspace.Name, digest))
		if err != nil {
			return nil, err
		}
		if stored != nil || (in != nil && in.Digest == digest) {
			usable = append(usable, digest)
		}
	}
	return usable, nil
}

// stateMayBeOnDisk returns the run that could not save its state, nil if there is
// none: then no state in the API server does not mean that there are no
// resources. A success proves that somebody has seen to what was before it: the
// run had kept the lock. A check has none, and proves nothing.
func stateMayBeOnDisk(changes []infrav1.WorkspaceRun) *infrav1.WorkspaceRun {
	for i := len(changes) - 1; i >= 0 && changes[i].Status.Phase != infrav1.RunSucceeded; i-- {
		if stateNotSaved(&changes[i]) {
			return &changes[i]
		}
	}
	return nil
}

func stateNotSaved(run *infrav1.WorkspaceRun) bool {
	return slices.Contains([]string{runner.ReasonStateNotSaved, runner.ReasonStateTooLarge}, run.Status.Reason)
}

// Release is described by engine.Engine.
func (e *Engine) Release(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply) (engine.Observation, error) {
	runs, err := e.runs(ctx, e.Live, workspace)
	if err != nil {
		return engine.Observation{}, err
	}
	changes := changesOf(runs)
	active, err := e.underWay(ctx, runs)
	if err == nil && active != nil {
		err = e.callOff(ctx, active)
	}
	if active != nil || err != nil {
		return observe(decision{action: await}, active, changes), err
	}
	dying, err := e.dyingState(ctx, workspace)
	switch {
	case err != nil:
		return engine.Observation{}, err
	case dying != nil:
		return failedWith(dying, last(changes), changes), nil
	}
	observation, err := e.forget(ctx, workspace, runs, e.releaseState)
	observation.Run, observation.Operation = "", "" // those that are there have ended
	return observation, err
}

// forget deletes what is kept for a workspace: the outputs, the state as it is
// told, the inputs and the runs. A crash in between is mended by the next call,
// because all of it is found by name. Outputs without a state would mean that it
// is missing, so that they go first.
func (e *Engine) forget(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply, runs []infrav1.WorkspaceRun,
	forgetState func(context.Context, *infrav1.WorkspaceTemplateApply) error,
) (engine.Observation, error) {
	if err := e.deleteResults(ctx, workspace); err != nil {
		return engine.Observation{}, err
	}
	if err := forgetState(ctx, workspace); err != nil {
		return engine.Observation{}, err
	}
	if err := e.deleteInputs(ctx, workspace, sets.New[string]()); err != nil {
		return engine.Observation{}, err
	}
	for i := range runs {
		if err := e.delete(ctx, &runs[i]); err != nil {
			return engine.Observation{}, err
		}
	}
	if len(runs) > 0 {
		return engine.Observation{State: engine.Running, Run: last(runs).Name, Operation: last(runs).Spec.Operation}, nil
	}
	return engine.Observation{State: engine.Gone}, nil
}
