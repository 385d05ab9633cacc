package run

import (
	"context"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine/opentofu"
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
	destroy.Finalizers = []string{Finalizer}
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
