package workspace

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine"
	"github.com/captproject/capt/internal/phase"
	"github.com/captproject/capt/internal/tfstate"
)

// Reasons of the condition Applied, besides those of failed runs (package runner).
const (
	// ReasonApplying: a run is under way. Its end wakes us.
	ReasonApplying = "Applying"
	// ReasonRefreshing: the condition is true, and a run that the annotation
	// apply-requested-at asked for, or that undoes drift, is under way. Its end wakes
	// us.
	ReasonRefreshing = "Refreshing"
	// ReasonDestroying: a run is destroying the infrastructure. Its end wakes us.
	ReasonDestroying = "Destroying"
	// ReasonRetained is the reason of an event, on the object, its owner and the Cluster:
	// the object goes without its infrastructure, as spec.retainWorkspaceOnDelete or the
	// template's deletionPolicy says.
	ReasonRetained = "InfrastructureRetained"
	// ReasonWaitingForDependents: other applies depend on this one, and are to be
	// destroyed before it. Their end wakes us.
	ReasonWaitingForDependents = "WaitingForDependents"
	// ReasonAwaitingApproval: there is a plan that a person has to approve, with
	// spec.approval.approvedPlan. That, or a change of the inputs, wakes us.
	ReasonAwaitingApproval = "AwaitingApproval"
	// ReasonSuspended: a run is due, but spec.suspend is true. Its end wakes us. The
	// condition is true if the run would be with the inputs of the last success.
	ReasonSuspended = "Suspended"
	// ReasonInputsNotResolved: it is not known what is wanted; see the condition
	// InputsResolved.
	ReasonInputsNotResolved = "InputsNotResolved"
	// ReasonEngineFailed: the engine could not be asked. It is tried again.
	ReasonEngineFailed = "EngineFailed"
)

// run asks for the infrastructure to be as the inputs want it.
func (r *Reconciler) run(ctx context.Context, s *scope) phase.Outcome {
	workspace, err := r.withoutRemedy(ctx, s.workspace)
	if err != nil {
		return phase.Fail(ReasonReadFailed, err)
	}
	observation, err := r.Engine.Apply(ctx, workspace, s.inputs)
	if err != nil {
		return phase.Fail(ReasonEngineFailed, err)
	}
	s.record(observation)
	switch observation.State {
	case engine.UpToDate:
		if s.inputs == nil {
			return phase.Wait(ReasonInputsNotResolved, "InputsResolved must be true first", 0).Proceed()
		}
		return phase.Done()
	case engine.Failed:
		// The outputs of an earlier success are still true.
		return failure(observation.Failure).Proceed()
	case engine.AwaitingApproval:
		return phase.Wait(ReasonAwaitingApproval, awaiting(s.workspace, observation), 0).Proceed()
	case engine.Suspended:
		if observation.Refreshing {
			return phase.Note(ReasonSuspended, "an apply of the same was asked for, but spec.suspend is true")
		}
		return suspended("an apply").Proceed()
	case engine.Running, engine.Gone:
	}
	if observation.Refreshing {
		return phase.Note(ReasonRefreshing, underWay(observation))
	}
	return phase.Wait(ReasonApplying, underWay(observation), 0).InProgress().Proceed()
}

// destroy asks for the infrastructure to be gone, unless it is to be kept, and
// then lets the object go.
func (r *Reconciler) destroy(ctx context.Context, s *scope) phase.Outcome {
	observation, err := r.remove(ctx, s)
	if err != nil {
		return phase.Fail(ReasonEngineFailed, err)
	}
	s.record(observation)
	switch observation.State {
	case engine.Gone:
		controllerutil.RemoveFinalizer(s.workspace, infrav1.WorkspaceFinalizer)
		if s.retained() {
			r.tellOfRetained(ctx, s.workspace)
		}
		return phase.Done()
	case engine.Failed:
		return failure(observation.Failure)
	case engine.Suspended:
		return suspended("the destruction")
	case engine.Running, engine.UpToDate, engine.AwaitingApproval:
	}
	message := underWay(observation)
	switch {
	case !s.retained():
	case observation.Operation != infrav1.OperationDestroy:
		message += "; the infrastructure is retained"
	case observation.NotBegun == "":
		message += "; it had begun before the infrastructure was to be retained, and is not cut short"
	}
	return phase.Wait(ReasonDestroying, message, 0).InProgress()
}

// tellOfRetained tells everybody who may look that infrastructure is left behind: of an
// object that is gone hardly anybody reads the events.
func (r *Reconciler) tellOfRetained(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply) {
	about := []client.Object{workspace}
	if owner := metav1.GetControllerOf(workspace); owner != nil {
		about = append(about, &metav1.PartialObjectMetadata{
			TypeMeta:   metav1.TypeMeta{APIVersion: owner.APIVersion, Kind: owner.Kind},
			ObjectMeta: metav1.ObjectMeta{Namespace: workspace.Namespace, Name: owner.Name, UID: owner.UID},
		})
	}
	if cluster, err := r.cluster(ctx, workspace); err == nil && cluster != nil {
		about = append(about, cluster)
	}
	for _, object := range about {
		r.Reporter.Tell(object, corev1.EventTypeWarning, "destroy", ReasonRetained, fmt.Sprintf(
			"the infrastructure of WorkspaceTemplateApply %s, if any is left, stays with its state: nobody looks after it any more", workspace.Name))
	}
}

func (r *Reconciler) remove(ctx context.Context, s *scope) (engine.Observation, error) {
	if err := r.deleteConnectionSecret(ctx, s); err != nil {
		return engine.Observation{}, err
	}
	if s.retained() {
		return r.Engine.Release(ctx, s.workspace)
	}
	return r.Engine.Destroy(ctx, s.workspace, s.inputs)
}

// orphanAnnotation is set while the template says deletionPolicy Orphan, so that
// its word still counts when the template is deleted first.
const orphanAnnotation = "infrastructure.cluster.x-k8s.io/orphan"

// noteDeletionPolicy keeps what the template says of deletion.
func (s *scope) noteDeletionPolicy() {
	if s.template.Spec.Template.Spec.DeletionPolicy != infrav1.DeletionOrphan {
		delete(s.workspace.Annotations, orphanAnnotation)
		return
	}
	metav1.SetMetaDataAnnotation(&s.workspace.ObjectMeta, orphanAnnotation, "true")
}

// retained tells whether the infrastructure outlives the object.
func (s *scope) retained() bool {
	_, orphan := s.workspace.Annotations[orphanAnnotation]
	return orphan || ptr.Deref(s.workspace.Spec.RetainWorkspaceOnDelete, false)
}

// record keeps an observation in the scope and in the status.
func (s *scope) record(observation engine.Observation) {
	s.observation = observation
	status := &s.workspace.Status
	status.WorkspaceName = tfstate.Suffix(s.workspace.Namespace, s.workspace.Name)
	if observation.Run != "" && observation.Operation != infrav1.OperationPlan {
		status.LastRun = observation.Run
	}
	if observation.HandledRequest != "" {
		status.LastHandledApplyRequest = observation.HandledRequest
	}
	if observation.OutputsSecret != "" {
		status.OutputsSecretName = observation.OutputsSecret
		metav1.SetMetaDataAnnotation(&s.workspace.ObjectMeta, infrav1.StateKeptAnnotation, "")
	}
	if observation.Plan != nil {
		status.Plan = *observation.Plan
	}
	if !observation.LastApplied.IsZero() {
		status.LastAppliedTime = metav1.NewTime(observation.LastApplied)
	}
}

func underWay(observation engine.Observation) string {
	if observation.Run == "" {
		return "what is kept of its runs is being deleted"
	}
	if observation.NotBegun != "" {
		return fmt.Sprintf("run %s (%s) has not begun: %s", observation.Run, observation.Operation, observation.NotBegun)
	}
	return fmt.Sprintf("run %s (%s) is under way", observation.Run, observation.Operation)
}

func suspended(what string) phase.Outcome {
	return phase.Wait(ReasonSuspended, what+" is due, but spec.suspend is true", 0)
}

// awaiting tells a person what to decide, and how.
func awaiting(workspace *infrav1.WorkspaceTemplateApply, observation engine.Observation) string {
	plan := ptr.Deref(observation.Plan, infrav1.PlanSummary{})
	why := ""
	if policy := workspace.Spec.Approval.Policy; policy == "" || policy == infrav1.ApprovalAuto {
		why = ", because it removes what a run was making when it was interrupted, which may be whole"
	}
	return fmt.Sprintf("the plan of run %s (%s) has to be approved%s; read it in %s, and set spec.approval.approvedPlan to %s",
		observation.Run, counts(plan), why, observation.PlanText, plan.Digest)
}

// counts is a plan in words.
func counts(plan infrav1.PlanSummary) string {
	count := func(n *int32) int32 { return ptr.Deref(n, 0) }
	return fmt.Sprintf("%d to add, %d to change, %d to destroy, %d to replace", count(plan.Add), count(plan.Change), count(plan.Destroy), count(plan.Replace))
}

func failure(of *engine.Failure) phase.Outcome {
	if of.RetryAfter > 0 {
		return phase.FailFor(of.Reason, errors.New(of.Message), of.RetryAfter)
	}
	return phase.Block(of.Reason, errors.New(of.Message))
}
