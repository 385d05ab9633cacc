package opentofu

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/utils/ptr"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/runner"
)

// termsOf are the terms of the run after latest, the latest change.
func termsOf(workspace *infrav1.WorkspaceTemplateApply, latest *infrav1.WorkspaceRun) infrav1.RunTerms {
	terms := infrav1.RunTerms{
		ApprovalPolicy: workspace.Spec.Approval.Policy,
		ApprovedPlan:   workspace.Spec.Approval.ApprovedPlan,
		Protect:        workspace.Spec.Protect,
		Timeout:        workspace.Spec.Timeout,
	}
	if guardsTainted(latest) {
		terms.GuardTainted = ptr.To(true)
	}
	return terms
}

// newTerms tells whether a plan would be judged otherwise than that of latest was.
func newTerms(workspace *infrav1.WorkspaceTemplateApply, latest *infrav1.WorkspaceRun) bool {
	if latest == nil {
		return false
	}
	before := latest.Spec.RunTerms
	return before.ApprovalPolicy != workspace.Spec.Approval.Policy || before.ApprovedPlan != workspace.Spec.Approval.ApprovedPlan ||
		!equality.Semantic.DeepEqual(before.Protect, workspace.Spec.Protect)
}

// guardsTainted tells whether the run after latest has to guard what is tainted:
// since the last success a run was interrupted while it changed things. Each run
// hands it on, so that it is not forgotten with those that are pruned.
//
// A runner that was killed is another matter: its OpenTofu was not interrupted and
// has tainted nothing.
func guardsTainted(latest *infrav1.WorkspaceRun) bool {
	if latest == nil || latest.Status.Phase == infrav1.RunSucceeded {
		return false
	}
	return wasInterrupted(latest) || ptr.Deref(latest.Spec.GuardTainted, false)
}

// wasInterrupted tells whether a run may have left something tainted because it was
// stopped. That a state could not be saved hides why the run ended.
func wasInterrupted(run *infrav1.WorkspaceRun) bool {
	return run.Status.Phase == infrav1.RunCancelled || stateNotSaved(run) ||
		slices.Contains([]string{runner.ReasonInterrupted, runner.ReasonTimeout}, run.Status.Reason)
}
