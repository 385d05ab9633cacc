package run

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine/opentofu"
	"github.com/captproject/capt/internal/phase"
)

// ReasonWorkspaceGone means that the workspace that the run is for was deleted
// before the run began. Nothing was started.
const ReasonWorkspaceGone = "WorkspaceGone"

// checkWorkspace sees that no run begins for a workspace that is gone. A manager
// that was stopped for a while, and goes on with what it knew before, makes one: it
// would make infrastructure that nobody destroys.
func (r *Reconciler) checkWorkspace(ctx context.Context, s *scope) phase.Outcome {
	if atWork(s.run) {
		return phase.Done()
	}
	workspace := &infrav1.WorkspaceTemplateApply{}
	err := r.Live.Get(ctx, client.ObjectKey{Namespace: s.run.Namespace, Name: s.run.Spec.ApplyName}, workspace)
	if client.IgnoreNotFound(err) != nil {
		return r.giveWay(s.run, fmt.Errorf("reading WorkspaceTemplateApply %s: %w", s.run.Spec.ApplyName, err))
	}
	owner := metav1.GetControllerOf(s.run)
	isAnother := owner != nil && owner.UID != workspace.UID
	isOfNoUse := !workspace.DeletionTimestamp.IsZero() && s.run.Spec.Operation != infrav1.OperationDestroy
	s.workspaceGone = err != nil || isAnother || isOfNoUse
	s.moved = err == nil && opentofu.MadeElsewhere(s.run, workspace)
	return phase.Done()
}

// atWork tells whether the run has, or had, a runner: not only a Job whose pod has
// not started.
func atWork(run *infrav1.WorkspaceRun) bool { return !run.Status.StartTime.IsZero() || run.Ended() }

// mustNotBegin tells whether a run that is not at work never is to be.
func (s *scope) mustNotBegin() bool {
	return !atWork(s.run) && (s.workspaceGone || s.moved || cancelled(s.run) || !s.run.DeletionTimestamp.IsZero())
}

// toStart is the run as the executor is to see it: one that was deleted is not
// started, but if a manager has started it just before it was killed, it goes on.
func (s *scope) toStart(now metav1.Time) *infrav1.WorkspaceRun {
	if !s.mustNotBegin() || !s.run.DeletionTimestamp.IsZero() {
		return s.run
	}
	run := s.run.DeepCopy()
	run.DeletionTimestamp = &now
	return run
}

// ofWorkspace returns the runs of a deleted workspace that are not at work: they
// hold up its deletion, and never will be.
func (r *Reconciler) ofWorkspace(ctx context.Context, workspace client.Object) []reconcile.Request {
	if workspace.GetDeletionTimestamp().IsZero() {
		return nil
	}
	list := &infrav1.WorkspaceRunList{}
	if err := r.Client.List(ctx, list, client.InNamespace(workspace.GetNamespace())); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Runs of a deleted workspace are not woken")
		return nil
	}
	var requests []reconcile.Request
	for i := range list.Items {
		if run := &list.Items[i]; run.Spec.ApplyName == workspace.GetName() && !atWork(run) {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(run)})
		}
	}
	return requests
}

// neverRan tells whether an execution is over without a runner: it was not started,
// or called off.
func neverRan(execution opentofu.Execution) bool {
	return execution.State == opentofu.ExecutionLost ||
		execution.State == opentofu.ExecutionEnded && execution.Result.Started.IsZero()
}

// recordNotBegun records why a run was not begun, and never will be.
func (r *Reconciler) recordNotBegun(ctx context.Context, s *scope) phase.Outcome {
	status := &s.run.Status
	switch {
	case s.moved:
		return r.recordLoss(ctx, s.run, "it was moved here from another management cluster, where it ended, and has not brought its status along")
	case !s.workspaceGone:
		status.CompletionTime = r.now()
		return recordCancel(s.run, "the run was cancelled before it began")
	}
	why := fmt.Errorf("WorkspaceTemplateApply %s was deleted before the run began", s.run.Spec.ApplyName)
	status.Phase, status.Reason, status.Message = infrav1.RunFailed, ReasonWorkspaceGone, why.Error()
	status.FailureKind, status.CompletionTime = infrav1.FailureConfiguration, r.now()
	return phase.Block(ReasonWorkspaceGone, why)
}
