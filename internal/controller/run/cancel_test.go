package run

import (
	"context"
	"errors"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/utils/ptr"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine/opentofu"
	"github.com/captproject/capt/internal/runner"
)

// cancel has the run cancelled while its runner is at work.
func (w *world) cancel() {
	w.executor.execution = opentofu.Execution{State: opentofu.ExecutionRunning}
	w.reconcile()
	w.expectSucceeded("False Running")
	run := w.run()
	run.Spec.Cancel = ptr.To(true)
	w.Expect(env.Client.Update(context.Background(), run)).To(Succeed())
}

func TestARunThatIsCancelled(t *testing.T) {
	w := newWorld(t)
	w.cancel()
	w.reconcile()
	w.expectSucceeded("False Cancelling")
	w.Expect(w.executor.interrupted).To(Equal(1))
	w.Expect(w.run().Status.Phase).To(Equal(infrav1.RunRunning), "until it has ended")

	w.executor.execution = opentofu.Execution{State: opentofu.ExecutionEnded, Result: &runner.Result{
		Phase: infrav1.RunFailed, Reason: runner.ReasonInterrupted, Message: "told to stop", Kind: infrav1.FailureTransient, ReportSecret: "w-reports",
	}}
	w.reconcile()
	w.expectSucceeded("False Cancelled")
	status := w.run().Status
	w.Expect(status.Phase).To(Equal(infrav1.RunCancelled))
	w.Expect(status.Message).To(Equal("told to stop"))
	w.Expect(status.FailureKind).To(BeEmpty())
	w.Expect(status.ReportSecretName).To(Equal("w-reports"))
	w.Expect(w.run().Ended()).To(BeTrue())
}

func TestACancelledRunMayEndOtherwise(t *testing.T) {
	for name, tt := range map[string]struct {
		execution opentofu.Execution
		phase     infrav1.RunPhase
		condition string
	}{
		"well": {
			opentofu.Execution{State: opentofu.ExecutionEnded, Result: &runner.Result{Phase: infrav1.RunSucceeded}}, infrav1.RunSucceeded, "True Succeeded"},
		"with a failure": {
			opentofu.Execution{State: opentofu.ExecutionEnded, Result: &runner.Result{Phase: infrav1.RunFailed, Reason: "StateNotSaved", Message: "m"}},
			infrav1.RunFailed, "False StateNotSaved"},
		"killed": {opentofu.Execution{State: opentofu.ExecutionLost, Message: "killed"}, infrav1.RunCancelled, "False Cancelled"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.cancel()
			w.executor.execution = tt.execution
			w.reconcile()
			w.expectSucceeded(tt.condition)
			w.Expect(w.run().Status.Phase).To(Equal(tt.phase))
			w.Expect(w.executor.interrupted).To(BeZero())
		})
	}
}

func TestARunnerThatCannotBeInterrupted(t *testing.T) {
	w := newWorld(t)
	w.cancel()
	refused := errors.New("refused")
	w.executor.interruptErr = refused
	_, err := w.tryReconcile()
	w.Expect(err).To(MatchError(refused))
	w.expectSucceeded("False NotInterrupted")
}

func TestAPlanThatIsToBeApproved(t *testing.T) {
	w := newWorld(t)
	plan := &infrav1.PlanSummary{Digest: "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd", Replace: ptr.To[int32](1)}
	w.executor.execution = opentofu.Execution{State: opentofu.ExecutionEnded, Result: &runner.Result{Phase: infrav1.RunAwaitingApproval, Plan: plan}}
	w.reconcile()
	w.expectSucceeded("False AwaitingApproval")
	w.Expect(w.run().Status.Plan).To(Equal(*plan))
	w.Expect(w.run().Ended()).To(BeTrue())
}
