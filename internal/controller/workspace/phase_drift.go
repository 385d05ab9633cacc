package workspace

import (
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine"
	"github.com/captproject/capt/internal/phase"
)

// Reasons of the condition Drifted, which is true when something is wrong.
const (
	// ReasonNoDrift: the last check, or the last apply, has left nothing to change.
	// The clock wakes us for the next check.
	ReasonNoDrift = "NoDrift"
	// ReasonDriftFound: somebody else has changed the infrastructure. A later check
	// that finds nothing, or an apply, ends it.
	ReasonDriftFound = "DriftFound"
	// ReasonNotChecked: nothing was looked at yet, or spec.drift.mode is Ignore.
	ReasonNotChecked = "NotChecked"
	// ReasonDriftCheckFailed: it is not known, because the last check failed. It is
	// tried again.
	ReasonDriftCheckFailed = "DriftCheckFailed"
)

// checkDrift has it looked, from time to time, whether somebody else has changed
// what is as it is wanted. That is told, and holds up nothing.
func (r *Reconciler) checkDrift(ctx context.Context, s *scope) phase.Outcome {
	if s.workspace.Spec.Drift.Mode == infrav1.DriftIgnore {
		return phase.Wait(ReasonNotChecked, "spec.drift.mode is Ignore", 0).As(metav1.ConditionUnknown).Proceed()
	}
	if s.observation.State != engine.UpToDate || s.inputs == nil {
		return phase.Undecided(ReasonNotChecked, "Applied must be true first").Proceed()
	}
	going, err := r.dependentGoing(ctx, s.workspace)
	if err != nil {
		return phase.Fail(ReasonDriftCheckFailed, err).As(metav1.ConditionUnknown).Proceed()
	}
	if going != "" {
		return phase.Undecided(ReasonNotChecked, fmt.Sprintf("WorkspaceTemplateApply %s, which depends on this one, is being deleted", going)).Proceed()
	}
	drift, err := r.Engine.Check(ctx, s.workspace, s.inputs)
	if err != nil {
		return phase.Fail(ReasonDriftCheckFailed, err).As(metav1.ConditionUnknown).Proceed()
	}
	return drifted(drift).Within(drift.CheckAfter).Proceed()
}

// drifted tells of drift in numbers only: what was changed is for those who may read
// Secrets. Nothing in it differs from one check to the next.
func drifted(drift engine.Drift) phase.Outcome {
	switch {
	case drift.Failure != nil:
		failed := fmt.Errorf("the last check failed (%s) and will be tried again: %s", drift.Failure.Reason, drift.Failure.Message)
		return phase.Block(ReasonDriftCheckFailed, failed).As(metav1.ConditionUnknown)
	case drift.Plan == nil:
		return phase.Undecided(ReasonNotChecked, "the first check has not ended yet")
	case drift.Plan.ChangesResources():
		found := fmt.Errorf("to undo what somebody else has changed: %s; read it in %s", counts(*drift.Plan), drift.PlanText)
		return phase.Block(ReasonDriftFound, found).As(metav1.ConditionTrue)
	}
	return phase.Note(ReasonNoDrift, "nothing is to be changed").As(metav1.ConditionFalse)
}

// withoutRemedy is the workspace as the engine is to see it: drift is not undone
// while what depends on the workspace is being deleted, and may be what makes it.
func (r *Reconciler) withoutRemedy(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply) (*infrav1.WorkspaceTemplateApply, error) {
	if workspace.Spec.Drift.Mode != infrav1.DriftRemediate {
		return workspace, nil
	}
	going, err := r.dependentGoing(ctx, workspace)
	if err != nil || going == "" {
		return workspace, err
	}
	reporting := workspace.DeepCopy()
	reporting.Spec.Drift.Mode = infrav1.DriftReport
	return reporting, nil
}

// dependentGoing is the name of a workspace that depends on this one and is being
// deleted; "" if there is none. Then it is not the time to mend what that may be
// taking apart.
func (r *Reconciler) dependentGoing(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply) (string, error) {
	list := &infrav1.WorkspaceTemplateApplyList{}
	if err := r.Client.List(ctx, list, client.InNamespace(workspace.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return "", fmt.Errorf("listing WorkspaceTemplateApplies: %w", err)
	}
	for i := range list.Items {
		other := &list.Items[i]
		if !other.DeletionTimestamp.IsZero() && slices.Contains(dependencies(other), workspace.Name) {
			return other.Name, nil
		}
	}
	return "", nil
}
