package run

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/utils/ptr"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine/opentofu"
	"github.com/captproject/capt/internal/phase"
	"github.com/captproject/capt/internal/runner"
)

// Reasons of the condition Succeeded.
const (
	// ReasonPending: the runner's pod has not started; the message says what it
	// waits for. A change of the Job or of the pod wakes us, and the clock: after
	// a while the run fails with PodNotStarted.
	ReasonPending = "Pending"
	// ReasonRunning: the runner is at work. It ends by itself.
	ReasonRunning = "Running"
	// ReasonNotStarted: the runner could not be started. It is tried again, and
	// others go first meanwhile.
	ReasonNotStarted = "NotStarted"
	// ReasonCancelling: the run was told to stop. It ends by itself.
	ReasonCancelling = "Cancelling"
	// ReasonNotInterrupted: the runner could not be told to stop. It is tried
	// again.
	ReasonNotInterrupted = "NotInterrupted"
	// ReasonCancelled: the run was ended by spec.cancel.
	ReasonCancelled = "Cancelled"
	// ReasonAwaitingApproval: the run has ended with a plan that a person has to
	// approve.
	ReasonAwaitingApproval = "AwaitingApproval"
	// ReasonLost: the runner was killed. The workspace starts another run.
	ReasonLost = "Lost"
	// ReasonLockNotReleased: the lock of a run that has ended could not be
	// released. It is tried again.
	ReasonLockNotReleased = "LockNotReleased"
)

// execute has the run carried out, and records its end.
func (r *Reconciler) execute(ctx context.Context, s *scope) phase.Outcome {
	notBegun := s.mustNotBegin()
	if moved := opentofu.MovedStatus(s.run); notBegun && s.moved && moved != nil {
		s.run.Status = *moved
		return outcome(s.run)
	}
	execution, err := r.Executor.Ensure(ctx, s.toStart(r.now()))
	if err != nil {
		return r.giveWay(s.run, err)
	}
	if execution.Where != "" {
		s.run.Status.Runner = execution.Where
	}
	if notBegun && neverRan(execution) && s.run.DeletionTimestamp.IsZero() {
		return r.recordNotBegun(ctx, s)
	}
	return r.record(ctx, s, execution, notBegun)
}

// record records how an execution stands.
func (r *Reconciler) record(ctx context.Context, s *scope, execution opentofu.Execution, notBegun bool) phase.Outcome {
	status := &s.run.Status
	if execution.State == opentofu.ExecutionPending {
		status.Phase = infrav1.RunPending
		return phase.Wait(ReasonPending, execution.Message, execution.After)
	}
	if status.StartTime.IsZero() && (!notBegun || execution.State == opentofu.ExecutionRunning) {
		status.StartTime = r.now()
	}
	switch execution.State {
	case opentofu.ExecutionEnded:
		return r.recordResult(ctx, s.run, execution.Result)
	case opentofu.ExecutionLost:
		return r.recordLoss(ctx, s.run, execution.Message)
	case opentofu.ExecutionPending, opentofu.ExecutionRunning:
	}
	status.Phase = infrav1.RunRunning
	if cancelled(s.run) {
		return r.interrupt(ctx, s.run)
	}
	message := fmt.Sprintf("%s is being carried out", s.run.Spec.Operation)
	if execution.Message != "" {
		message += "; " + execution.Message
	}
	return phase.Wait(ReasonRunning, message, 0)
}

func cancelled(run *infrav1.WorkspaceRun) bool { return ptr.Deref(run.Spec.Cancel, false) }

// interrupt has the runner stop.
func (r *Reconciler) interrupt(ctx context.Context, run *infrav1.WorkspaceRun) phase.Outcome {
	if err := r.Executor.Interrupt(ctx, run); err != nil {
		return phase.Fail(ReasonNotInterrupted, err)
	}
	return phase.Wait(ReasonCancelling, "the run was told to stop; it ends when OpenTofu can leave what it is doing", 0)
}

// recordResult records how a run ended. A runner that could not reach the API
// server at its end may have left the lock behind; it keeps it on purpose if the
// state is on its disk only.
func (r *Reconciler) recordResult(ctx context.Context, run *infrav1.WorkspaceRun, result *runner.Result) phase.Outcome {
	if !result.KeepDirectory {
		if _, err := r.unlock(ctx, run); err != nil {
			return phase.Fail(ReasonLockNotReleased, err)
		}
	}
	status := &run.Status
	status.CompletionTime = r.now()
	if result.Plan != nil {
		status.Plan = *result.Plan
	}
	status.ReportSecretName = result.ReportSecret
	status.Phase, status.Reason, status.Message, status.FailureKind = result.Phase, result.Reason, result.Message, result.Kind
	if cancelled(run) && result.Reason == runner.ReasonInterrupted {
		return recordCancel(run, result.Message)
	}
	return outcome(run)
}

// outcome is that of a run which has ended.
func outcome(run *infrav1.WorkspaceRun) phase.Outcome {
	status := &run.Status
	switch {
	case status.Phase == infrav1.RunSucceeded && status.Reason != "":
		return phase.Note(status.Reason, status.Message)
	case status.Phase == infrav1.RunSucceeded:
		return phase.Done()
	case status.Phase == infrav1.RunAwaitingApproval:
		return phase.Wait(ReasonAwaitingApproval, "the plan has to be approved in the WorkspaceTemplateApply; another run carries it out", 0)
	}
	return phase.Block(status.Reason, errors.New(status.Message))
}

// recordCancel records that a run was ended by spec.cancel.
func recordCancel(run *infrav1.WorkspaceRun, message string) phase.Outcome {
	status := &run.Status
	status.Phase, status.Reason, status.Message, status.FailureKind = infrav1.RunCancelled, ReasonCancelled, message, ""
	return phase.Block(ReasonCancelled, errors.New(message))
}

// recordLoss records that a run has no result and never will.
func (r *Reconciler) recordLoss(ctx context.Context, run *infrav1.WorkspaceRun, why string) phase.Outcome {
	released, err := r.unlock(ctx, run)
	if err != nil {
		return phase.Fail(ReasonLockNotReleased, err)
	}
	if released {
		why += "; its lock on the state was released"
	}
	run.Status.Phase, run.Status.Reason, run.Status.Message = infrav1.RunLost, ReasonLost, why
	run.Status.FailureKind = infrav1.FailureTransient
	run.Status.CompletionTime = r.now()
	if cancelled(run) {
		return recordCancel(run, why)
	}
	return phase.Block(ReasonLost, errors.New(why))
}
