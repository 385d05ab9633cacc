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
func guardsTainted(latest *infrav1.WorkspaceRun) bool {
	if latest == nil || latest.Status.Phase == infrav1.RunSucceeded {
		return false
	}
	return wasInterrupted(latest) || ptr.Deref(latest.Spec.GuardTainted, false)
}

// wasInterrupted tells whether a run may have left something tainted because it was
// stopped. That a state could not be saved hides why the run ended, and so does that a
// runner was killed, by the node or for want of memory: a pod that is to go is first
// told to stop, and what is killed in the end may have got as far as to save what it
// had to leave.
func wasInterrupted(run *infrav1.WorkspaceRun) bool {
	return run.Status.Phase == infrav1.RunCancelled || run.Status.Phase == infrav1.RunLost || stateNotSaved(run) ||
		slices.Contains(interruptions, run.Status.Reason)
}

// ReasonPodEvicted means that the node has ended the pod of a run: it took more of the
// disk than its limit, or the node ran short of something. Tried again; the message
// says what to mend.
const ReasonPodEvicted = "PodEvicted"

// interruptions are the reasons of runs that have failed because they were stopped.
var interruptions = []string{runner.ReasonInterrupted, runner.ReasonTimeout, runner.ReasonOutOfMemory, ReasonPodEvicted}
