package run

import (
	"context"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine/opentofu"
	"github.com/captproject/capt/internal/runner"
)

// workspace is that of the run w-1.
func (w *world) workspace() *infrav1.WorkspaceTemplateApply {
	w.t.Helper()
	workspace := &infrav1.WorkspaceTemplateApply{}
	key := w.key()
	key.Name = "w"
	w.Expect(env.Client.Get(context.Background(), key, workspace)).To(Succeed())
	return workspace
}

// expectNotBegun plays an executor that has not started the run, and starts none
// that was deleted.
func (w *world) expectNotBegun() {
	w.t.Helper()
	w.executor.execution = lost
	w.reconcile()
	w.Expect(w.executor.last.DeletionTimestamp).NotTo(BeNil(), "it is not to be started")
	w.expectSucceeded("False WorkspaceGone")
	w.Expect(w.run().Status.Phase).To(Equal(infrav1.RunFailed))
	w.Expect(w.run().Status.StartTime).To(BeZero())
}

func TestNothingIsBegunForAWorkspaceThatIsGone(t *testing.T) {
	w := newWorld(t)
	run := w.run()
	run.Annotations = map[string]string{"infrastructure.cluster.x-k8s.io/made-for": string(w.workspace().UID)}
	w.Expect(env.Client.Update(t.Context(), run)).To(Succeed())
	w.Expect(env.Client.Delete(t.Context(), w.workspace())).To(Succeed())
	w.expectNotBegun()
}

func TestNothingIsBegunForAnotherWorkspaceOfTheName(t *testing.T) {
	w := newWorld(t)
	w.Expect(env.Client.Delete(t.Context(), w.workspace())).To(Succeed())
	another := &infrav1.WorkspaceTemplateApply{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "w"}}
	another.Spec.TemplateRef.Name = "t"
	w.Expect(env.Client.Create(t.Context(), another)).To(Succeed())
	w.expectNotBegun()
}

func TestADeletedWorkspaceIsOnlyDestroyed(t *testing.T) {
	w := newWorld(t)
	workspace := w.workspace()
	workspace.Finalizers = []string{"captproject.io/test"}
	w.Expect(env.Client.Update(t.Context(), workspace)).To(Succeed())
	w.Expect(env.Client.Delete(t.Context(), workspace)).To(Succeed())
	w.expectNotBegun()
	destroy := w.make("w-2", "w", infrav1.OperationDestroy)
	destroy.Finalizers = []string{infrav1.RunFinalizer}
	w.Expect(env.Client.Update(t.Context(), destroy)).To(Succeed())
	w.executor.execution = opentofu.Execution{State: opentofu.ExecutionRunning}
	w.Expect(w.look("w-2")).To(HavePrefix("Running"))
	w.Expect(w.executor.last.DeletionTimestamp).To(BeNil())
}

// The manager that has started it was killed before it could say so.
func TestARunThatWasStartedJustBeforeIsFollowed(t *testing.T) {
	w := newWorld(t)
	w.Expect(env.Client.Delete(t.Context(), w.workspace())).To(Succeed())
	w.executor.execution = opentofu.Execution{State: opentofu.ExecutionRunning}
	w.reconcile()
	w.Expect(w.executor.last.DeletionTimestamp).NotTo(BeNil())
	w.Expect(w.run().Status.Phase).To(Equal(infrav1.RunRunning))
	w.Expect(w.run().Begun()).To(BeTrue())
}

func TestARunThatHasBegunGoesOnWithoutItsWorkspace(t *testing.T) {
	w := newWorld(t)
	w.executor.execution = opentofu.Execution{State: opentofu.ExecutionRunning}
	w.reconcile()
	w.Expect(env.Client.Delete(t.Context(), w.workspace())).To(Succeed())
	w.reconcile()
	w.Expect(w.run().Status.Phase).To(Equal(infrav1.RunRunning))
}

// A Job whose pod has not started is called off; see package job.
func TestAPendingPodIsCalledOff(t *testing.T) {
	calledOff := opentofu.Execution{State: opentofu.ExecutionEnded, Result: &runner.Result{
		Phase: infrav1.RunFailed, Reason: "PodNotStarted", Kind: infrav1.FailureTransient,
	}}
	for name, tt := range map[string]struct {
		change func(w *world)
		want   string
	}{
		"by a cancel": {func(w *world) {
			run := w.run()
			run.Spec.Cancel = ptr.To(true)
			w.Expect(env.Client.Update(context.Background(), run)).To(Succeed())
		}, "False Cancelled"},
		"by the deletion of its workspace": {func(w *world) {
			w.Expect(env.Client.Delete(context.Background(), w.workspace())).To(Succeed())
		}, "False WorkspaceGone"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.executor.execution = opentofu.Execution{State: opentofu.ExecutionPending, Where: "Job a", Message: "it has no node"}
			w.reconcile()
			w.expectSucceeded("False Pending")
			tt.change(w)
			w.reconcile()
			w.Expect(w.executor.last.DeletionTimestamp).NotTo(BeNil(), "the executor calls it off")
			w.executor.execution = calledOff
			w.reconcile()
			w.expectSucceeded(tt.want)
		})
	}
}

func TestTheRunsOfADeletedWorkspaceAreWoken(t *testing.T) {
	w := newWorld(t)
	workspace := w.workspace()
	w.Expect(w.reconciler.ofWorkspace(t.Context(), workspace)).To(BeEmpty())
	workspace.Finalizers = []string{"captproject.io/test"}
	w.Expect(env.Client.Update(t.Context(), workspace)).To(Succeed())
	w.Expect(env.Client.Delete(t.Context(), workspace)).To(Succeed())
	w.queue("other", infrav1.OperationApply)
	w.Expect(w.reconciler.ofWorkspace(t.Context(), w.workspace())).To(Equal([]reconcile.Request{{NamespacedName: w.key()}}))
	w.executor.execution = opentofu.Execution{State: opentofu.ExecutionRunning}
	w.reconcile()
	w.Expect(w.reconciler.ofWorkspace(t.Context(), w.workspace())).To(BeEmpty(), "it is at work")
}

// Without its status, as clusterctl move leaves it.
func TestARunThatWasMovedHereIsOver(t *testing.T) {
	w := newWorld(t)
	run := w.run()
	run.Annotations = map[string]string{"infrastructure.cluster.x-k8s.io/made-for": "the UID there"}
	w.Expect(env.Client.Update(t.Context(), run)).To(Succeed())
	w.executor.execution = lost
	w.reconcile()
	w.Expect(w.executor.last.DeletionTimestamp).NotTo(BeNil(), "it is not to be started")
	w.expectSucceeded("False Lost")
	w.Expect(w.run().Status.Message).To(ContainSubstring("another management cluster"))

	w.queue("here", infrav1.OperationApply)
	w.executor.execution = opentofu.Execution{State: opentofu.ExecutionRunning}
	w.Expect(w.look("here")).To(HavePrefix("Running"))
}

func TestARunThatWasMovedHereHasItsStatusAgain(t *testing.T) {
	for name, tt := range map[string]struct{ status, condition string }{
		"a success":               {`"phase":"Succeeded"`, "True Succeeded"},
		"a success with a remark": {`"phase":"Succeeded","reason":"StateNearLimit","message":"m"`, "True StateNearLimit"},
		"a failure":               {`"phase":"Failed","reason":"Broken","message":"m","failureKind":"Configuration"`, "False Broken"},
		"a plan":                  {`"phase":"AwaitingApproval","plan":{"digest":"` + strings.Repeat("d", 64) + `"}`, "False AwaitingApproval"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			run := w.run()
			run.Annotations = map[string]string{
				"infrastructure.cluster.x-k8s.io/made-for":     "the UID there",
				"infrastructure.cluster.x-k8s.io/moved-status": `{"startTime":"2026-01-02T11:00:00Z","completionTime":"2026-01-02T11:01:00Z",` + tt.status + `}`,
			}
			w.Expect(env.Client.Update(t.Context(), run)).To(Succeed())
			w.reconcile()
			w.Expect(w.executor.ensured).To(BeZero())
			w.expectSucceeded(tt.condition)
			status := w.run().Status
			w.Expect(status.CompletionTime.UTC()).To(Equal(noon.Add(-59 * time.Minute)))
			w.Expect(w.run().Ended()).To(BeTrue())
		})
	}
}
