package run

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine/opentofu"
)

// tryInVain reconciles a run that cannot be started.
func (w *world) tryInVain(name string) {
	w.t.Helper()
	key := w.key()
	key.Name = name
	w.executor.nextErr = errors.New("refused")
	result, err := w.reconciler.Reconcile(context.Background(), reconcile.Request{NamespacedName: key})
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(result.RequeueAfter).To(BeNumerically(">=", firstDelay))
	w.Expect(w.executor.nextErr).NotTo(HaveOccurred(), "it was tried")
}

// later has the delays of runs that could not be started pass.
func (w *world) later() { w.clock.SetTime(w.clock.Now().Add(lastDelay)) }

// Its own write, and whatever else wakes it, is no reason to try it again.
func TestARunThatCannotBeStartedSleeps(t *testing.T) {
	w := newWorld(t)
	w.clock.SetTime(time.Now())
	w.tryInVain("w-1")
	request := reconcile.Request{NamespacedName: w.key()}
	w.Expect(w.reconciler.Reconcile(t.Context(), request)).To(Equal(reconcile.Result{RequeueAfter: firstDelay}))
	w.Expect(w.run().Status.Conditions).To(ContainElement(And(HaveField("Reason", ReasonNotStarted), HaveField("Message", "refused"))))
	w.clock.SetTime(w.clock.Now().Add(firstDelay))
	w.tryInVain("w-1")
	w.Expect(w.reconciler.Reconcile(t.Context(), request)).To(Equal(reconcile.Result{RequeueAfter: 2 * firstDelay}))
	w.later()
	w.executor.execution = opentofu.Execution{State: opentofu.ExecutionRunning}
	w.Expect(w.look("w-1")).To(HavePrefix("Running"))
}

// woken are the runs that are looked at when there is room.
func (w *world) woken() []string {
	w.t.Helper()
	var names []string
	for _, request := range w.reconciler.next(context.Background(), nil) {
		if request.Namespace == w.namespace {
			names = append(names, request.Name)
		}
	}
	return names
}

func TestARunThatCannotBeStartedGivesWay(t *testing.T) {
	w := newWorld(t)
	w.reconciler.Limits = Limits{PerNamespace: 1}
	w.reconciler.queue.gaveWay = make(chan event.GenericEvent, 1)
	w.clock.SetTime(time.Now().Add(-time.Hour))
	w.queue("x-1", infrav1.OperationApply)
	w.queue("y-1", infrav1.OperationApply)
	w.Expect(w.look("x-1")).To(HavePrefix("Pending"), "w-1 goes first")
	w.tryInVain("w-1")
	w.Expect(w.reconciler.queue.gaveWay).To(Receive(HaveField("Object.GetName()", "w-1")))
	w.Expect(w.woken()).To(ConsistOf("x-1", "y-1"), "it tries again by itself")
	w.tryInVain("x-1")
	w.Expect(w.woken()).To(ConsistOf("y-1"))

	w.executor.execution = opentofu.Execution{State: opentofu.ExecutionRunning}
	w.Expect(w.look("y-1")).To(HavePrefix("Running"))
	w.later()
	w.Expect(w.look("w-1")).To(HavePrefix("Pending"), "it is no exception from the limit")
	w.queue("z-1", infrav1.OperationApply)
	w.executor.execution = lost
	w.Expect(w.look("y-1")).To(HavePrefix("Lost"))
	w.Expect(w.woken()).To(ConsistOf("w-1", "x-1", "z-1"), "they wait like the others, and are told where they are")
	w.executor.execution = opentofu.Execution{State: opentofu.ExecutionRunning}
	w.tryInVain("x-1")
	w.tryInVain("w-1")
	w.Expect(w.look("z-1")).To(HavePrefix("Running"))
}

// It is behind those that could not be tried yet when it was, and before those that are
// made later.
func TestARunThatCouldNotBeStartedQueuesAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		after time.Duration
		first string
	}{"behind one that was there": {time.Minute, "x-1"}, "before one that is made later": {-time.Minute, "w-1"}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.queue("x-1", infrav1.OperationApply)
			w.queue("busy", infrav1.OperationDestroy)
			w.clock.SetTime(w.run().CreationTimestamp.Add(tt.after))
			w.tryInVain("w-1")
			w.later()
			w.reconciler.Limits = Limits{PerNamespace: 1}
			w.executor.execution = opentofu.Execution{State: opentofu.ExecutionRunning}
			w.Expect(w.look("busy")).To(HavePrefix("Running"))
			waiting := map[string]string{"w-1": w.look("w-1"), "x-1": w.look("x-1")}
			w.Expect(waiting).To(HaveKeyWithValue(tt.first, HaveSuffix(", first in the queue")))
		})
	}
}

// picky is an executor that refuses the run w-1, once it is told to.
type picky struct {
	fakeExecutor
	refuse chan struct{}
	// queued counts how often another run had to wait.
	queued atomic.Int32
}

func (p *picky) Started(context.Context, *infrav1.WorkspaceRun) (bool, error) {
	p.queued.Add(1)
	return false, nil
}

func (p *picky) Ensure(_ context.Context, run *infrav1.WorkspaceRun) (opentofu.Execution, error) {
	if run.Name != "w-1" {
		return opentofu.Execution{State: opentofu.ExecutionRunning}, nil
	}
	<-p.refuse
	return opentofu.Execution{}, errors.New("refused")
}

// Nothing is driven: all that happens is that a run cannot be started.
func TestAManagerIsWokenByARunThatGivesWay(t *testing.T) {
	w := newWorld(t)
	w.queue("x-1", infrav1.OperationApply)
	executor := &picky{refuse: make(chan struct{})}
	w.reconciler.Limits, w.reconciler.Executor, w.reconciler.Clock = Limits{Total: 1}, executor, clock.RealClock{}
	w.start()
	phaseOf := func() infrav1.RunPhase {
		run := &infrav1.WorkspaceRun{}
		w.Expect(env.Client.Get(t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "x-1"}, run)).To(Succeed())
		return run.Status.Phase
	}
	w.Eventually(executor.queued.Load).WithTimeout(time.Minute).Should(BeEquivalentTo(2), "the second time because of what it wrote itself")
	w.Expect(phaseOf()).To(Equal(infrav1.RunPending))
	close(executor.refuse)
	w.Eventually(phaseOf).WithTimeout(time.Minute).Should(Equal(infrav1.RunRunning))
}

// start has a manager run the reconciler on the namespace of the world.
func (w *world) start() {
	w.t.Helper()
	mgr, err := manager.New(env.Config, manager.Options{
		Scheme:  env.Scheme,
		Metrics: metricsserver.Options{BindAddress: "0"},
		Cache:   cache.Options{DefaultNamespaces: map[string]cache.Config{w.namespace: {}}},
	})
	w.Expect(err).NotTo(HaveOccurred())
	w.reconciler.Client, w.reconciler.Live = mgr.GetClient(), mgr.GetAPIReader()
	w.Expect(w.reconciler.SetupWithManager(mgr, controller.Options{MaxConcurrentReconciles: 2})).To(Succeed())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = mgr.Start(w.t.Context())
	}()
	w.t.Cleanup(func() { <-stopped }) // the context ends before
}
