package run

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine/opentofu"
)

func TestPositions(t *testing.T) {
	// In the order of their making.
	var runs []infrav1.WorkspaceRun
	add := func(name, namespace string, operation infrav1.Operation, phase infrav1.RunPhase) {
		run := infrav1.WorkspaceRun{ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, UID: types.UID(name),
			CreationTimestamp: metav1.NewTime(noon.Add(time.Duration(len(runs)) * time.Second)),
		}}
		run.Spec.Operation, run.Status.Phase = operation, phase
		if phase == infrav1.RunRunning {
			run.Status.StartTime = metav1.NewTime(noon)
		}
		runs = append(runs, run)
	}
	add("a1", "a", infrav1.OperationApply, "")
	add("a2", "a", infrav1.OperationApply, infrav1.RunPending)
	add("a3", "a", infrav1.OperationApply, infrav1.RunRunning)
	add("b1", "b", infrav1.OperationApply, "")
	add("b2", "b", infrav1.OperationDestroy, "")
	for name, tt := range map[string]struct {
		limits Limits
		want   map[types.UID]int
	}{
		"no limits":                   {Limits{}, map[types.UID]int{}},
		"one":                         {Limits{Total: 1}, map[types.UID]int{"b2": 1, "a1": 2, "a2": 3, "b1": 4}},
		"two":                         {Limits{Total: 2}, map[types.UID]int{"a1": 1, "a2": 2, "b1": 3}},
		"enough":                      {Limits{Total: 5}, map[types.UID]int{}},
		"one of each namespace":       {Limits{PerNamespace: 1}, map[types.UID]int{"a1": 1, "a2": 2, "b1": 3}},
		"another does not wait for a": {Limits{Total: 3, PerNamespace: 2}, map[types.UID]int{"a2": 1, "b1": 2}},
		"the two of b":                {Limits{Total: 4, PerNamespace: 2}, map[types.UID]int{"a2": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(tt.limits.positions(runs, 0)).To(Equal(tt.want))
		})
	}
}

func TestPositionsOfChecks(t *testing.T) {
	var runs []infrav1.WorkspaceRun
	for i, name := range []string{"c1", "c2", "c3", "running", "apply"} {
		run := infrav1.WorkspaceRun{ObjectMeta: metav1.ObjectMeta{
			Name: name, UID: types.UID(name), CreationTimestamp: metav1.NewTime(noon.Add(time.Duration(i) * time.Second)),
		}}
		run.Spec.Operation = infrav1.OperationPlan
		runs = append(runs, run)
	}
	runs[3].Status.StartTime = metav1.NewTime(noon)
	runs[4].Spec.Operation = infrav1.OperationApply
	for name, tt := range map[string]struct {
		limits Limits
		checks int
		want   map[types.UID]int
	}{
		"one at once":           {Limits{}, 1, map[types.UID]int{"c1": 1, "c2": 2, "c3": 3}},
		"two at once":           {Limits{}, 2, map[types.UID]int{"c2": 1, "c3": 2}},
		"half of all places":    {Limits{Total: 4}, 4, map[types.UID]int{"c2": 1, "c3": 2}},
		"all":                   {Limits{}, 4, map[types.UID]int{}},
		"after all else":        {Limits{Total: 2}, 4, map[types.UID]int{"c1": 1, "c2": 2, "c3": 3}},
		"a limit for all rules": {Limits{Total: 1}, 4, map[types.UID]int{"apply": 1, "c1": 2, "c2": 3, "c3": 4}},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(tt.limits.positions(runs, tt.checks)).To(Equal(tt.want))
		})
	}
}

// queue makes a run of a workspace of its own, with its finalizer.
func (w *world) queue(name string, operation infrav1.Operation) {
	w.t.Helper()
	run := w.make(name, name, operation)
	run.Finalizers = []string{infrav1.RunFinalizer}
	w.Expect(env.Client.Update(context.Background(), run)).To(Succeed())
}

// look reconciles a run and tells how it stands.
func (w *world) look(name string) string {
	w.t.Helper()
	key := w.key()
	key.Name = name
	_, err := w.reconciler.Reconcile(context.Background(), reconcile.Request{NamespacedName: key})
	w.Expect(err).NotTo(HaveOccurred())
	run := &infrav1.WorkspaceRun{}
	w.Expect(env.Client.Get(context.Background(), key, run)).To(Succeed())
	return fmt.Sprintf("%s %s", run.Status.Phase, run.Status.Conditions[0].Message)
}

func TestARunWaitsForItsTurn(t *testing.T) {
	w := newWorld(t)
	w.reconciler.Limits = Limits{PerNamespace: 1} // other tests have namespaces of their own
	w.executor.execution = opentofu.Execution{State: opentofu.ExecutionRunning}
	w.Expect(w.look("w-1")).To(HavePrefix("Running"))
	w.queue("apply", infrav1.OperationApply)
	w.Expect(w.look("apply")).To(Equal("Pending it waits for its turn, first in the queue"))
	w.queue("destroy", infrav1.OperationDestroy)
	w.Expect(w.look("destroy")).To(Equal("Pending it waits for its turn, first in the queue"))
	w.Expect(w.look("apply")).To(Equal("Pending it waits for its turn, among the first 5 in the queue"))
	w.queue("later", infrav1.OperationApply)
	w.Expect(w.look("later")).To(Equal("Pending it waits for its turn, among the first 5 in the queue"))
	w.Expect(w.executor.ensured).To(Equal(1))
	w.Expect(w.look("w-1")).To(HavePrefix("Running"))

	w.executor.execution = lost
	w.Expect(w.look("w-1")).To(HavePrefix("Lost"))
	ended := w.run()
	var names []string
	for _, request := range w.reconciler.next(context.Background(), ended) {
		if request.Namespace == w.namespace {
			names = append(names, request.Name)
		}
	}
	w.Expect(names).To(ConsistOf("apply", "destroy"), "it is all the same for the third")
	w.executor.execution = opentofu.Execution{State: opentofu.ExecutionRunning}
	w.Expect(w.look("destroy")).To(HavePrefix("Running"))
	w.Expect(w.look("apply")).To(Equal("Pending it waits for its turn, first in the queue"))
}

// lost is a run whose runner was killed.
var lost = opentofu.Execution{State: opentofu.ExecutionLost, Message: "it was killed"}

func TestARunThatBeginsCountsAtOnce(t *testing.T) {
	w := newWorld(t)
	w.reconciler.Limits = Limits{PerNamespace: 1}
	stale := w.run()
	w.executor.execution = opentofu.Execution{State: opentofu.ExecutionRunning}
	w.Expect(w.look("w-1")).To(HavePrefix("Running"))
	w.queue("a", infrav1.OperationDestroy)
	// A cache that has not seen yet that it has begun.
	fresh := w.run()
	fresh.Status = stale.Status
	w.Expect(env.Client.Status().Update(context.Background(), fresh)).To(Succeed())
	w.Expect(w.look("a")).To(HavePrefix("Pending"), "though it would go first")
}

// A run whose pod has not started is under way, also for a manager that has just
// been started.
func TestARunThatIsPendingDoesNotWaitAgain(t *testing.T) {
	w := newWorld(t)
	w.reconciler.Limits = Limits{PerNamespace: 1}
	w.executor.execution = opentofu.Execution{State: opentofu.ExecutionPending, Where: "Job a", Message: "it has no node"}
	w.Expect(w.look("w-1")).To(Equal("Pending it has no node"))
	w.queue("destroy", infrav1.OperationDestroy)
	w.reconciler.queue.begun = nil
	w.Expect(w.look("destroy")).To(Equal("Pending it waits for its turn, first in the queue"))
	w.Expect(w.look("w-1")).To(Equal("Pending it has no node"))
}

// A manager was killed after it had started a run, and before it could say so.
func TestARunThatWasStartedDoesNotWait(t *testing.T) {
	w := newWorld(t)
	w.reconciler.Limits = Limits{PerNamespace: 1}
	w.executor.execution = opentofu.Execution{State: opentofu.ExecutionRunning}
	w.Expect(w.look("w-1")).To(HavePrefix("Running"))
	w.queue("started", infrav1.OperationApply)
	w.executor.started = true
	w.Expect(w.look("started")).To(HavePrefix("Running"))
}

func TestADeletedRunDoesNotWait(t *testing.T) {
	w := newWorld(t)
	w.reconciler.Limits = Limits{PerNamespace: 1}
	w.executor.execution = opentofu.Execution{State: opentofu.ExecutionRunning}
	w.Expect(w.look("w-1")).To(HavePrefix("Running"))
	w.queue("gone", infrav1.OperationApply)
	run := &infrav1.WorkspaceRun{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "gone"}}
	w.Expect(env.Client.Delete(context.Background(), run)).To(Succeed())
	w.executor.execution = lost
	w.Expect(w.look("gone")).To(HavePrefix("Lost"))
}

// Workspaces of other tests count, too.
func TestATenthOfAllWorkspacesIsCheckedAtOnce(t *testing.T) {
	w := newWorld(t)
	w.executor.execution = opentofu.Execution{State: opentofu.ExecutionRunning}
	workspaces := func() int {
		list := &infrav1.WorkspaceTemplateApplyList{}
		w.Expect(env.Client.List(context.Background(), list)).To(Succeed())
		return len(list.Items)
	}
	for i := workspaces(); i < 20; i++ {
		w.make(fmt.Sprintf("other-%d", i), fmt.Sprintf("other-%d", i), infrav1.OperationApply)
	}
	begun := 0
	for full := false; !full; {
		name := fmt.Sprintf("check-%d", begun)
		w.queue(name, infrav1.OperationPlan)
		if full = strings.HasPrefix(w.look(name), "Pending"); !full {
			begun++
		}
	}
	w.Expect(begun).To(Equal(workspaces() / 10))
	w.Expect(w.look("w-1")).To(HavePrefix("Running"), "they hold up nothing else")
}

func TestHowThePositionIsTold(t *testing.T) {
	g := NewWithT(t)
	g.Expect(queued(1)).To(HaveSuffix(", first in the queue"))
	g.Expect(queued(2)).To(HaveSuffix("among the first 5 in the queue"))
	g.Expect(queued(100)).To(HaveSuffix("among the first 100 in the queue"))
	g.Expect(queued(101)).To(HaveSuffix("after the first 100 in the queue"))
}

func TestACancelledRunDoesNotWait(t *testing.T) {
	w := newWorld(t)
	w.reconciler.Limits = Limits{PerNamespace: 1}
	w.executor.execution = opentofu.Execution{State: opentofu.ExecutionRunning}
	w.Expect(w.look("w-1")).To(HavePrefix("Running"))
	w.queue("next", infrav1.OperationApply)
	w.Expect(w.look("next")).To(HavePrefix("Pending"))
	run := &infrav1.WorkspaceRun{}
	key := w.key()
	key.Name = "next"
	w.Expect(env.Client.Get(context.Background(), key, run)).To(Succeed())
	run.Spec.Cancel = ptr.To(true)
	w.Expect(env.Client.Update(context.Background(), run)).To(Succeed())
	w.executor.execution = lost
	w.Expect(w.look("next")).To(Equal("Cancelled the run was cancelled before it began"))
	w.Expect(w.executor.last.DeletionTimestamp).NotTo(BeNil(), "it is not to be started")
}

func TestWhoMakesRoom(t *testing.T) {
	g := NewWithT(t)
	run := func(phase infrav1.RunPhase) *infrav1.WorkspaceRun {
		return &infrav1.WorkspaceRun{Status: infrav1.WorkspaceRunStatus{Phase: phase}}
	}
	changed := func(from, to infrav1.RunPhase) bool {
		return makesRoom().Update(event.UpdateEvent{ObjectOld: run(from), ObjectNew: run(to)})
	}
	g.Expect(changed(infrav1.RunRunning, infrav1.RunSucceeded)).To(BeTrue())
	g.Expect(changed(infrav1.RunPending, infrav1.RunRunning)).To(BeFalse())
	g.Expect(changed(infrav1.RunFailed, infrav1.RunFailed)).To(BeFalse(), "it made room before")
	g.Expect(makesRoom().Create(event.CreateEvent{Object: run(infrav1.RunFailed)})).To(BeFalse(), "nor do all that the manager finds at its start")
	g.Expect(makesRoom().Delete(event.DeleteEvent{Object: run(infrav1.RunRunning)})).To(BeTrue())
}

func TestRunsOfAnotherInstanceTakeNoTurn(t *testing.T) {
	w := newWorld(t)
	w.reconciler.Limits = Limits{PerNamespace: 1} // other tests have namespaces of their own
	w.executor.execution = opentofu.Execution{State: opentofu.ExecutionRunning}
	w.Expect(w.look("w-1")).To(HavePrefix("Running"))
	w.queue("ours", infrav1.OperationApply)
	w.Expect(w.look("ours")).To(Equal("Pending it waits for its turn, first in the queue"))

	w.reconciler.WatchFilter = "a"
	w.Expect(w.look("ours")).To(HavePrefix("Pending"), "it is another's")
	run := &infrav1.WorkspaceRun{}
	key := w.key()
	key.Name = "ours"
	w.Expect(env.Client.Get(t.Context(), key, run)).To(Succeed())
	run.Labels = map[string]string{clusterv1.WatchLabel: "a"}
	w.Expect(env.Client.Update(t.Context(), run)).To(Succeed())
	w.Expect(w.look("ours")).To(HavePrefix("Running"), "w-1 does not count")
}
