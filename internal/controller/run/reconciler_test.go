package run

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus/testutil"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine/opentofu"
	"github.com/captproject/capt/internal/phase"
	"github.com/captproject/capt/internal/runner"
	"github.com/captproject/capt/internal/tfstate"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// world is an API server with the run `w-1`, and an executor that does as it is
// told.
type world struct {
	*WithT
	t          *testing.T
	namespace  string
	executor   *fakeExecutor
	clock      *clocktesting.FakePassiveClock
	recorder   *events.FakeRecorder
	reconciler *Reconciler
}

// newWorld makes the run; its finalizer is there.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		WithT: NewWithT(t), t: t, namespace: env.Namespace(t), executor: &fakeExecutor{},
		clock: clocktesting.NewFakePassiveClock(noon), recorder: events.NewFakeRecorder(100),
	}
	w.reconciler = &Reconciler{
		Client: env.Client, Live: env.Client, Executor: w.executor, Clock: w.clock,
		Reporter: phase.Reporter{Controller: "test", Recorder: w.recorder},
	}
	t.Cleanup(w.removeRuns)
	w.make("w-1", "w", infrav1.OperationApply)
	w.reconcile()
	w.Expect(w.run().Finalizers).To(ConsistOf(infrav1.RunFinalizer))
	w.Expect(w.executor.ensured).To(BeZero(), "nothing is started before the finalizer is there")
	return w
}

// removeRuns leaves nothing that another test would see in its queue.
func (w *world) removeRuns() {
	runs := &infrav1.WorkspaceRunList{}
	w.Expect(env.Client.List(context.Background(), runs, client.InNamespace(w.namespace))).To(Succeed())
	for i := range runs.Items {
		run := &runs.Items[i]
		run.Finalizers = nil
		w.Expect(env.Client.Update(context.Background(), run)).To(Succeed())
		w.Expect(client.IgnoreNotFound(env.Client.Delete(context.Background(), run))).To(Succeed())
	}
}

// make makes a run and, if there is none of the name, its workspace.
func (w *world) make(name, workspace string, operation infrav1.Operation) *infrav1.WorkspaceRun {
	w.t.Helper()
	apply := &infrav1.WorkspaceTemplateApply{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: workspace}}
	apply.Spec.TemplateRef.Name = "t"
	if err := env.Client.Create(context.Background(), apply); !apierrors.IsAlreadyExists(err) {
		w.Expect(err).NotTo(HaveOccurred())
	}
	w.Expect(env.Client.Get(context.Background(), client.ObjectKeyFromObject(apply), apply)).To(Succeed())
	run := &infrav1.WorkspaceRun{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name},
		Spec: infrav1.WorkspaceRunSpec{
			ApplyName: workspace, Operation: operation, Attempt: 1,
			InputsRef: infrav1.InputsReference{Name: "i", Digest: strings.Repeat("a", 64)},
		},
	}
	w.Expect(controllerutil.SetControllerReference(apply, run, env.Scheme)).To(Succeed())
	w.Expect(env.Client.Create(context.Background(), run)).To(Succeed())
	return run
}

func (w *world) tryReconcile() (ctrl.Result, error) {
	return w.reconciler.Reconcile(context.Background(), ctrl.Request{NamespacedName: w.key()})
}

func (w *world) reconcile() {
	w.t.Helper()
	result, err := w.tryReconcile()
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(result).To(BeZero(), "the executor tells when it has ended")
}

func (w *world) key() client.ObjectKey {
	return client.ObjectKey{Namespace: w.namespace, Name: "w-1"}
}

func (w *world) run() *infrav1.WorkspaceRun {
	w.t.Helper()
	run := &infrav1.WorkspaceRun{}
	w.Expect(env.Client.Get(context.Background(), w.key(), run)).To(Succeed())
	return run
}

func (w *world) gone() bool {
	w.t.Helper()
	return apierrors.IsNotFound(env.Client.Get(context.Background(), w.key(), &infrav1.WorkspaceRun{}))
}

// expectSucceeded checks the condition, and that each change of it is an event.
func (w *world) expectSucceeded(condition string) {
	w.t.Helper()
	found := w.run().Status.Conditions
	w.Expect(found).To(HaveLen(1))
	w.Expect(found[0].Type + " " + string(found[0].Status) + " " + found[0].Reason).To(Equal("Succeeded " + condition))
	w.Expect(w.recorder.Events).To(Receive(ContainSubstring(found[0].Reason)))
	w.Expect(w.recorder.Events).NotTo(Receive())
}

// lease makes the lock of the state, held by a run.
func (w *world) lease(holder string) {
	lease := tfstate.NewLease(w.namespace, tfstate.Suffix(w.namespace, "w"), nil)
	w.Expect(tfstate.Take(lease, tfstate.LockInfo{ID: holder})).To(Succeed())
	w.Expect(env.Client.Create(context.Background(), lease)).To(Succeed())
}

func (w *world) holder() string {
	lease := &coordinationv1.Lease{}
	key := client.ObjectKey{Namespace: w.namespace, Name: tfstate.LeaseName(tfstate.Suffix(w.namespace, "w"))}
	w.Expect(env.Client.Get(context.Background(), key, lease)).To(Succeed())
	return tfstate.Holder(lease)
}

func TestARunThatIsCarriedOut(t *testing.T) {
	w := newWorld(t)
	w.executor.execution = opentofu.Execution{State: opentofu.ExecutionRunning, Where: "process 1 on here"}
	w.reconcile()
	w.expectSucceeded("False Running")
	status := w.run().Status
	w.Expect(status.Phase).To(Equal(infrav1.RunRunning))
	w.Expect(status.Runner).To(Equal("process 1 on here"))
	w.Expect(status.StartTime.UTC()).To(Equal(noon))
	w.Expect(status.CompletionTime.IsZero()).To(BeTrue())

	version := w.run().ResourceVersion
	w.clock.SetTime(noon.Add(time.Minute))
	w.reconcile()
	w.Expect(w.run().ResourceVersion).To(Equal(version), "nothing is written while it runs")
}

func TestHowARunEndedIsRecordedOnce(t *testing.T) {
	plan := &infrav1.PlanSummary{Add: ptr.To[int32](3)}
	tests := map[string]struct {
		result    runner.Result
		condition string
	}{
		"well": {runner.Result{Phase: infrav1.RunSucceeded, Plan: plan}, "True Succeeded"},
		"well, with something to know": {
			runner.Result{Phase: infrav1.RunSucceeded, Reason: runner.ReasonStateNearLimit, Message: "it is large"}, "True StateNearLimit",
		},
		"badly": {runner.Result{
			Phase: infrav1.RunFailed, Reason: "ApplyFailed", Message: "it broke", Kind: infrav1.FailureTransient, Plan: plan,
		}, "False ApplyFailed"},
		"before there was a plan": {runner.Result{
			Phase: infrav1.RunFailed, Reason: "ModuleInvalid", Message: "it is bad", Kind: infrav1.FailureConfiguration,
		}, "False ModuleInvalid"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.executor.execution = opentofu.Execution{State: opentofu.ExecutionEnded, Where: "process 1 on here", Result: &tt.result}
			w.reconcile()
			w.expectSucceeded(tt.condition)
			status := w.run().Status
			w.Expect(status.Phase).To(Equal(tt.result.Phase))
			w.Expect(status.Reason).To(Equal(tt.result.Reason))
			w.Expect(status.Message).To(Equal(tt.result.Message))
			w.Expect(status.FailureKind).To(Equal(tt.result.Kind))
			w.Expect(status.Plan).To(Equal(ptr.Deref(tt.result.Plan, infrav1.PlanSummary{})))
			w.Expect(status.CompletionTime.UTC()).To(Equal(noon))
			w.Expect(w.executor.released).To(BeZero(), "not before it is recorded")

			version := w.run().ResourceVersion
			w.executor.execution = opentofu.Execution{State: opentofu.ExecutionLost}
			w.clock.SetTime(noon.Add(time.Minute))
			w.reconcile()
			w.Expect(w.executor.ensured).To(Equal(1), "it is not asked again")
			w.Expect(w.executor.released).To(Equal(1))
			w.Expect(w.run().ResourceVersion).To(Equal(version))
		})
	}
}

// expectLockReleased checks that the release of a lock was told and counted once.
func (w *world) expectLockReleased(before float64) {
	w.t.Helper()
	w.Expect(w.recorder.Events).To(Receive(ContainSubstring(ReasonLockReleased)))
	w.Expect(testutil.ToFloat64(locksReleased)).To(Equal(before + 1))
}

func TestTheLockOfALostRunIsReleased(t *testing.T) {
	tests := map[string]struct{ holder, left, message string }{
		"its own":       {"w-1", "", "it was killed; its lock on the state was released"},
		"another run's": {"w-2", "w-2", "it was killed"},
		"none":          {"", "", "it was killed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if tt.holder != "" {
				w.lease(tt.holder)
			}
			w.executor.execution = opentofu.Execution{State: opentofu.ExecutionLost, Message: "it was killed"}
			before := testutil.ToFloat64(locksReleased)
			w.reconcile()
			if tt.holder == "w-1" {
				w.expectLockReleased(before)
			}
			w.expectSucceeded("False Lost")
			w.Expect(testutil.ToFloat64(locksReleased) > before).To(Equal(tt.holder == "w-1"))
			status := w.run().Status
			w.Expect(status.Phase).To(Equal(infrav1.RunLost))
			w.Expect(status.FailureKind).To(Equal(infrav1.FailureTransient))
			w.Expect(status.Message).To(Equal(tt.message))
			w.Expect(status.CompletionTime.UTC()).To(Equal(noon))
			if tt.holder != "" {
				w.Expect(w.holder()).To(Equal(tt.left))
			}
		})
	}
}

func TestARunWithAResultKeepsItsLockOnlyWithAnUnsavedState(t *testing.T) {
	for name, tt := range map[string]struct {
		result runner.Result
		holder string
	}{
		"the runner could not release it": {
			result: runner.Result{Phase: infrav1.RunFailed, Reason: runner.ReasonApplyFailed, Message: "it broke", Kind: infrav1.FailureTransient},
		},
		"the state is on the runner's disk": {
			result: runner.Result{
				Phase: infrav1.RunFailed, Reason: runner.ReasonStateNotSaved, Message: "it is on the disk",
				Kind: infrav1.FailureConfiguration, KeepDirectory: true,
			},
			holder: "w-1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.lease("w-1")
			w.executor.execution = opentofu.Execution{State: opentofu.ExecutionEnded, Result: &tt.result}
			before := testutil.ToFloat64(locksReleased)
			w.reconcile()
			w.reconcile()
			w.Expect(w.holder()).To(Equal(tt.holder))
			if tt.holder == "" {
				w.expectLockReleased(before)
			}
			w.expectSucceeded("False " + tt.result.Reason)
			w.Expect(testutil.ToFloat64(locksReleased) > before).To(Equal(tt.holder == ""))
		})
	}
}

// refusing is a client that updates nothing.
type refusing struct{ client.Client }

func (refusing) Update(context.Context, client.Object, ...client.UpdateOption) error {
	return errors.New("the API server is away")
}

func TestARunIsNotLostBeforeItsLockIsReleased(t *testing.T) {
	w := newWorld(t)
	w.lease("w-1")
	w.executor.execution = opentofu.Execution{State: opentofu.ExecutionLost, Message: "it was killed"}
	w.reconciler.Client = refusing{env.Client}
	_, err := w.tryReconcile()
	w.Expect(err).To(MatchError(ContainSubstring("the API server is away")))
	w.expectSucceeded("False LockNotReleased")
	w.Expect(w.run().Ended()).To(BeFalse())
	w.reconciler.Client = env.Client
	before := testutil.ToFloat64(locksReleased)
	w.reconcile()
	w.expectLockReleased(before)
	w.expectSucceeded("False Lost")
	w.Expect(w.holder()).To(BeEmpty())
}

func TestARunThatCannotBeStartedIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.executor.nextErr = errors.New("no space left")
	result, err := w.tryReconcile()
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(result.RequeueAfter).To(Equal(firstDelay))
	w.expectSucceeded("False NotStarted")
	w.Expect(w.run().Status.Phase).To(BeEmpty())
	w.later()
	w.executor.execution = opentofu.Execution{State: opentofu.ExecutionRunning, Where: "process 1 on here"}
	w.reconcile()
	w.expectSucceeded("False Running")
}

func TestARunThatIsPendingSaysWhatItWaitsFor(t *testing.T) {
	w := newWorld(t)
	w.executor.execution = opentofu.Execution{State: opentofu.ExecutionPending, Message: "its pod has no node", After: time.Minute}
	result, err := w.tryReconcile()
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(result.RequeueAfter).To(Equal(time.Minute), "it is not waited for without end")
	w.expectSucceeded("False Pending")
	w.Expect(w.run().Status.Conditions[0].Message).To(Equal("its pod has no node"))
	w.Expect(w.run().Status.Phase).To(Equal(infrav1.RunPending))
	w.Expect(w.run().Status.StartTime).To(BeZero(), "nothing was started")

	w.executor.execution = opentofu.Execution{State: opentofu.ExecutionRunning, Where: "pod a on b"}
	w.reconcile()
	w.expectSucceeded("False Running")
}

func TestDeletingARunStopsNothing(t *testing.T) {
	w := newWorld(t)
	w.executor.execution = opentofu.Execution{State: opentofu.ExecutionRunning, Where: "process 1 on here"}
	w.reconcile()
	w.Expect(env.Client.Delete(t.Context(), w.run())).To(Succeed())
	w.reconcile()
	w.Expect(w.gone()).To(BeFalse())

	w.executor.execution = opentofu.Execution{State: opentofu.ExecutionEnded, Result: &runner.Result{Phase: infrav1.RunSucceeded}}
	w.reconcile()
	w.Expect(w.run().Status.Phase).To(Equal(infrav1.RunSucceeded))
	w.executor.nextErr = errors.New("the disk is busy")
	_, err := w.tryReconcile()
	w.Expect(err).To(MatchError("the disk is busy"))
	w.Expect(w.gone()).To(BeFalse(), "something is kept of it")
	w.reconcile()
	w.Expect(w.gone()).To(BeTrue())
	w.reconcile()
}
