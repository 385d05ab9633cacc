package opentofu

import (
	"context"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	clusterctlv1 "sigs.k8s.io/cluster-api/cmd/clusterctl/api/v1alpha3"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine"
	"github.com/captproject/capt/internal/runner"
)

// Engine is the engine.Engine that makes WorkspaceRuns.
type Engine struct {
	// Client writes, and reads WorkspaceRuns from a cache.
	Client client.Client
	// Live reads past all caches.
	Live client.Reader
	// Now is the clock.
	Now func() time.Time
}

var _ engine.Engine = &Engine{}

// ApplyNameField is the field that runs are found by. The API server serves it
// as a selectable field; a cache needs an index of this name (IndexRuns).
const ApplyNameField = "spec.applyName"

// IndexRuns makes runs in a cache known by ApplyNameField.
func IndexRuns(ctx context.Context, indexer client.FieldIndexer) error {
	return indexer.IndexField(ctx, &infrav1.WorkspaceRun{}, ApplyNameField, func(obj client.Object) []string {
		return []string{obj.(*infrav1.WorkspaceRun).Spec.ApplyName}
	})
}

// Apply is described by engine.Engine.
func (e *Engine) Apply(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply, in *engine.Inputs) (engine.Observation, error) {
	runs, err := e.runs(ctx, e.Client, workspace)
	if err != nil {
		return engine.Observation{}, err
	}
	applied, err := e.applied(ctx, workspace)
	if err != nil {
		return engine.Observation{}, err
	}
	changes, request := changesOf(runs), workspace.ApplyRequest()
	latest := last(changes)
	next := e.next(workspace, in, applied, latest, runs)
	if next.action == start {
		obstacle, err := e.obstacle(ctx, workspace, applied)
		if err != nil {
			return engine.Observation{}, err
		}
		if obstacle != nil {
			return applied.publish(failedWith(obstacle, latest, changes), workspace), nil
		}
		if latest, err = e.apply(ctx, workspace, *in, applied.digest, runs, next.attempt); err != nil {
			return engine.Observation{}, err
		}
	}
	observation := applied.publish(observe(next, latest, changes), workspace)
	switch observation.State {
	case engine.Running:
		observation.Refreshing = in != nil && applied.digest == in.Digest && refreshes(latest, changes, in.Digest)
	case engine.Suspended:
		observation.Refreshing = in != nil && applied.digest == in.Digest
	case engine.UpToDate, engine.Failed, engine.AwaitingApproval:
		if in != nil {
			observation.HandledRequest = request
		}
	case engine.Gone:
	}
	return observation, nil
}

// next says what a workspace needs. Without inputs nothing is begun.
func (e *Engine) next(workspace *infrav1.WorkspaceTemplateApply, in *engine.Inputs, applied target,
	latest *infrav1.WorkspaceRun, runs []infrav1.WorkspaceRun,
) decision {
	switch {
	case in != nil:
		wanted := target{in.Digest, workspace.ApplyRequest()}
		next := decideApply(wanted, applied, latest, newTerms(workspace, latest), e.Now()).unless(workspace.Spec.Suspend)
		if next.action == nothing && remediates(workspace, runs) {
			return decision{action: start, attempt: 1}
		}
		return next
	case latest != nil && !latest.Ended():
		return decision{action: await}
	}
	return decision{action: nothing}
}

// publish says with an observation where the outputs are, if there are any.
func (made target) publish(observation engine.Observation, workspace *infrav1.WorkspaceTemplateApply) engine.Observation {
	if made.digest != "" {
		observation.OutputsSecret = runner.OutputsName(workspace.Name)
	}
	return observation
}

// refreshes tells whether a run makes nothing else than the change before it has
// made well.
func refreshes(run *infrav1.WorkspaceRun, changes []infrav1.WorkspaceRun, digest string) bool {
	before := last(slices.DeleteFunc(slices.Clone(changes), func(other infrav1.WorkspaceRun) bool { return other.Name == run.Name }))
	return before != nil && before.Spec.Operation == infrav1.OperationApply && before.Status.Phase == infrav1.RunSucceeded &&
		before.Spec.InputsRef.Digest == digest && run.Spec.InputsRef.Digest == digest
}

// apply starts an applying run after those there are, and returns it; or the check
// that has to end first.
func (e *Engine) apply(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply, in engine.Inputs, applied string,
	runs []infrav1.WorkspaceRun, attempt int32,
) (*infrav1.WorkspaceRun, error) {
	if check, err := e.underWay(ctx, runs); check != nil || err != nil {
		return check, err
	}
	if err := e.storeInputs(ctx, workspace, in); err != nil {
		return nil, err
	}
	run, started, err := e.startRun(ctx, workspace, runs, infrav1.OperationApply, target{in.Digest, workspace.ApplyRequest()}, attempt)
	if err != nil || !started {
		return run, err
	}
	// That its name was free proves that no run was overlooked.
	return run, e.prune(ctx, workspace, runs, in.Digest, applied)
}

// startRun creates the run after those there are, and tells whether it did. If
// there is one of that name already, they came from a stale cache; that run wakes us
// when the cache sees it.
func (e *Engine) startRun(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply, runs []infrav1.WorkspaceRun,
	operation infrav1.Operation, to target, attempt int32,
) (*infrav1.WorkspaceRun, bool, error) {
	name, err := e.nextName(ctx, workspace, last(runs))
	if err != nil {
		return nil, false, err
	}
	run := &infrav1.WorkspaceRun{
		ObjectMeta: owned(workspace, name),
		Spec: infrav1.WorkspaceRunSpec{
			ApplyName:    workspace.Name,
			Operation:    operation,
			InputsRef:    infrav1.InputsReference{Name: inputsName(workspace.Name, to.digest), Digest: to.digest},
			ApplyRequest: to.request,
			Attempt:      attempt,
			RunTerms:     termsOf(workspace, last(changesOf(runs))),
		},
	}
	run.Finalizers = []string{infrav1.RunFinalizer} // its controller would set it
	metav1.SetMetaDataAnnotation(&run.ObjectMeta, workspaceAnnotation, string(workspace.UID))
	err = e.Client.Create(ctx, run)
	if client.IgnoreAlreadyExists(err) != nil {
		return nil, false, fmt.Errorf("creating WorkspaceRun %s: %w", run.Name, err)
	}
	return run, err == nil, nil
}

// nextName returns the name of the run after latest. A run that was deleted may
// have left its lock, because the state is on its disk only: another run of its
// name would take the lock for its own.
func (e *Engine) nextName(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply, latest *infrav1.WorkspaceRun) (string, error) {
	sequence := 1
	if latest != nil {
		sequence = sequenceOf(workspace.Name, latest.Name) + 1
	}
	name := runName(workspace.Name, sequence)
	holder, err := e.lockHolder(ctx, workspace)
	if err != nil || holder != name {
		return name, err
	}
	err = e.Live.Get(ctx, client.ObjectKey{Namespace: workspace.Namespace, Name: name}, &infrav1.WorkspaceRun{})
	switch {
	case err == nil:
		return name, nil // latest came from a stale cache
	case client.IgnoreNotFound(err) != nil:
		return "", fmt.Errorf("looking for WorkspaceRun %s: %w", name, err)
	}
	return runName(workspace.Name, sequence+1), nil
}

// runs returns the runs of a workspace, oldest first.
func (e *Engine) runs(ctx context.Context, reader client.Reader, workspace *infrav1.WorkspaceTemplateApply) ([]infrav1.WorkspaceRun, error) {
	list := &infrav1.WorkspaceRunList{}
	byApply := client.MatchingFields{ApplyNameField: workspace.Name}
	if err := reader.List(ctx, list, client.InNamespace(workspace.Namespace), byApply); err != nil {
		return nil, fmt.Errorf("listing WorkspaceRuns: %w", err)
	}
	runs := slices.DeleteFunc(list.Items, func(run infrav1.WorkspaceRun) bool {
		return sequenceOf(workspace.Name, run.Name) == 0
	})
	slices.SortFunc(runs, func(a, b infrav1.WorkspaceRun) int {
		return sequenceOf(workspace.Name, a.Name) - sequenceOf(workspace.Name, b.Name)
	})
	return runs, nil
}

func last(runs []infrav1.WorkspaceRun) *infrav1.WorkspaceRun {
	if len(runs) == 0 {
		return nil
	}
	return &runs[len(runs)-1]
}

// observe puts what was decided into the words of the interface.
func observe(next decision, latest *infrav1.WorkspaceRun, changes []infrav1.WorkspaceRun) engine.Observation {
	observation := engine.Observation{State: engine.UpToDate}
	for _, run := range changes {
		if run.Spec.Operation == infrav1.OperationApply && run.Status.Phase == infrav1.RunSucceeded {
			observation.LastApplied = run.Status.CompletionTime.Time
		}
		if run.Status.Plan != (infrav1.PlanSummary{}) {
			observation.Plan = run.Status.Plan.DeepCopy()
		}
	}
	if latest != nil {
		observation.Run, observation.Operation = latest.Name, latest.Spec.Operation
		observation.NotBegun = notBegun(latest)
	}
	switch next.action {
	case start, await:
		observation.State = engine.Running
	case retryLater, giveUp:
		observation.State = engine.Failed
		observation.Failure = failureOf(latest, next.wait)
	case ask:
		observation.State = engine.AwaitingApproval
		observation.PlanText = fmt.Sprintf("Secret %s, key %s", runner.ReportsName(latest.Spec.ApplyName), runner.PlanKey(latest.Name))
	case hold:
		observation.State = engine.Suspended
	case nothing:
	}
	return observation
}

// failedWith is the observation of a workspace that something else than its latest
// run keeps from going on.
func failedWith(failure *engine.Failure, latest *infrav1.WorkspaceRun, changes []infrav1.WorkspaceRun) engine.Observation {
	observation := observe(decision{action: giveUp}, latest, changes)
	observation.Failure = failure
	return observation
}

// reasonUnknown is shown for a run that failed without saying why.
const reasonUnknown = "RunFailed"

// reasonCancelled is shown when the last run was ended by spec.cancel. A change of
// the inputs or of the terms, or a request, starts a new one.
const reasonCancelled = "Cancelled"

func failureOf(latest *infrav1.WorkspaceRun, wait time.Duration) *engine.Failure {
	failure := &engine.Failure{Reason: reasonUnknown, RetryAfter: wait}
	if latest == nil {
		return failure
	}
	if latest.Status.Reason != "" {
		failure.Reason = latest.Status.Reason
	}
	failure.Message = fmt.Sprintf("run %s failed: %s", latest.Name, latest.Status.Message)
	if latest.Status.Phase == infrav1.RunSucceeded {
		failure.Message = fmt.Sprintf("run %s succeeded, but what it left is not as it should be", latest.Name)
	}
	switch {
	case wait > 0:
		failure.Message += "; it will be tried again"
	case latest.Status.Phase == infrav1.RunCancelled:
		failure.Reason = reasonCancelled
		failure.Message = fmt.Sprintf("run %s was cancelled; a change of the inputs, or the annotation %s, starts a new one", latest.Name, infrav1.ApplyRequestAnnotation)
	case latest.Status.Reason == runner.ReasonProtectedResource:
	case latest.Status.Reason == runner.ReasonStateNotRestored:
		failure.Message += fmt.Sprintf("; correct the annotation or remove it, and ask for a run with the annotation %s", infrav1.ApplyRequestAnnotation)
	case stateNotSaved(latest):
		failure.Message += "; when its state has been saved and its lock removed, delete the run"
	default:
		failure.Message += "; a change of the template or of its variables starts a new run"
	}
	return failure
}

// owned is the metadata of an object that belongs to a workspace.
func owned(workspace *infrav1.WorkspaceTemplateApply, name string) metav1.ObjectMeta {
	labels := workspaceLabels(workspace)
	for _, name := range []string{clusterv1.ClusterNameLabel, clusterv1.WatchLabel} {
		if value, ok := workspace.Labels[name]; ok {
			labels[name] = value
		}
	}
	if engine.GoesAlong(workspace) {
		labels[clusterctlv1.ClusterctlMoveLabel] = ""
	}
	return metav1.ObjectMeta{
		Namespace:       workspace.Namespace,
		Name:            name,
		Labels:          labels,
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(workspace, infrav1.GroupVersion.WithKind("WorkspaceTemplateApply"))},
	}
}
