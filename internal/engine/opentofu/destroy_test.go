package opentofu

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine"
	"github.com/captproject/capt/internal/runner"
	"github.com/captproject/capt/internal/tfstate"
)

func TestNothingIsGoneAtOnce(t *testing.T) {
	w := newWorld(t)
	w.Expect(w.destroy("A")).To(Equal(engine.Observation{State: engine.Gone}))
	w.Expect(w.runs()).To(BeEmpty())
	w.Expect(w.secrets()).To(BeEmpty())
}

func TestADestroyAwaitsTheActiveRun(t *testing.T) {
	w := newWorld(t)
	w.apply("A")
	// What a cache overlooks is seen.
	w.engine.Client = &stale{Client: env.Client}
	w.Expect(w.destroy("A")).To(Equal(running("w-1", applying)))
	w.Expect(w.runs()).To(Equal([]string{"w-1"}))
}

func TestADestroyIsMadeWithTheInputsOfTheLastSuccess(t *testing.T) {
	w := newWorld(t)
	w.apply("A")
	w.succeed("w-1")
	w.keepState(oneResource)
	w.Expect(w.destroy("B")).To(Equal(running("w-2", destroying)))
	w.Expect(w.run("w-2").Spec).To(Equal(infrav1.WorkspaceRunSpec{
		ApplyName: "w", Operation: destroying, Attempt: 1,
		InputsRef: infrav1.InputsReference{Name: nameOf("A"), Digest: inputsOf("A").Digest},
	}))
	w.Expect(w.secrets()).NotTo(ContainElement(nameOf("B")), "they are not used")
}

func TestADestroyIsMadeWithThePresentInputsIfOthersAreLost(t *testing.T) {
	w := newWorld(t)
	w.keepState(oneResource)
	w.Expect(w.destroy("B")).To(Equal(running("w-1", destroying)))
	w.Expect(w.secrets()).To(ContainElement(nameOf("B")))
}

func TestADestroyTriesAllInputsThereAre(t *testing.T) {
	w := newWorld(t)
	w.apply("A")
	w.succeed("w-1")
	w.apply("B")
	w.fail("w-2", transient, "ApplyFailed")
	w.apply("C")
	w.fail("w-3", config, "ModuleInvalid")
	w.keepState(oneResource)
	for i, text := range []string{"A", "D", "C", "B"} {
		run := runName("w", i+4)
		w.Expect(w.destroy("D")).To(Equal(running(run, destroying)))
		w.Expect(w.run(run).Spec.InputsRef.Name).To(Equal(nameOf(text)))
		w.Expect(w.run(run).Spec.Attempt).To(BeEquivalentTo(i + 1))
		w.fail(run, config, "ModuleInvalid")
	}
	w.Expect(w.destroy("D")).To(Equal(failed("w-7", destroying, engine.Failure{
		Reason: "ModuleInvalid", Message: "run w-7 failed: it broke; it will be tried again", RetryAfter: 4 * time.Minute,
	})))
	w.now = w.now.Add(4 * time.Minute)
	w.Expect(w.destroy("D")).To(Equal(running("w-8", destroying)))
	w.Expect(w.run("w-8").Spec.InputsRef.Name).To(Equal(nameOf("A")))
}

func TestADestroyThatFailsForLongLeavesFewRuns(t *testing.T) {
	w := newWorld(t)
	w.apply("A")
	w.succeed("w-1")
	w.keepState(oneResource)
	for i := range 8 {
		w.destroy("")
		w.fail(runName("w", i+2), transient, "DestroyFailed")
		w.now = w.now.Add(time.Hour)
	}
	w.destroy("")
	w.Expect(w.runs()).To(ConsistOf("w-1", "w-5", "w-6", "w-7", "w-8", "w-9", "w-10"),
		"the apply, five destroys that ended, and the active one")
	w.Expect(w.secrets()).To(ContainElement(nameOf("A")))
}

func TestWithoutInputsNothingIsDestroyed(t *testing.T) {
	w := newWorld(t)
	w.apply("A")
	w.succeed("w-1")
	w.delete(w.secret(nameOf("A")))
	w.keepState(oneResource)
	observation := w.destroy("")
	w.Expect(observation.State).To(Equal(engine.Failed))
	w.Expect(observation.Failure.Reason).To(Equal(ReasonInputsLost))
	w.Expect(observation.Failure.Message).To(ContainSubstring("restore template t"))
	w.Expect(observation.Failure.RetryAfter).To(BeZero())
	w.Expect(w.runs()).To(Equal([]string{"w-1"}))
	w.Expect(w.destroy("A")).To(Equal(running("w-2", destroying)), "the template is back")
}

func TestAStateThatCouldNotBeSavedIsNotForgotten(t *testing.T) {
	for _, reason := range []string{runner.ReasonStateNotSaved, runner.ReasonStateTooLarge} {
		t.Run(reason, func(t *testing.T) {
			w := newWorld(t)
			w.apply("A")
			w.fail("w-1", config, reason)
			blocked := failed("w-1", applying, engine.Failure{
				Reason:  reason,
				Message: "run w-1 failed: it broke; when its state has been saved and its lock removed, delete the run",
			})
			w.Expect(w.destroy("A")).To(Equal(blocked))
			// A run that meets the lock that was kept proves nothing.
			w.apply("B")
			w.fail("w-2", transient, runner.ReasonStateLocked)
			w.Expect(w.destroy("A")).To(Equal(blocked))
			w.Expect(w.runs()).To(Equal([]string{"w-1", "w-2"}))
			// The person has seen to it.
			w.delete(w.run("w-1"))
			w.Expect(w.destroy("A").State).To(Equal(engine.Running))
			w.Expect(w.destroy("A").State).To(Equal(engine.Gone))
		})
	}
}

func TestALockedStateIsNotForgotten(t *testing.T) {
	w := newWorld(t)
	w.keepState(noResource)
	w.lock("w-1") // by a run that is gone, whose state is on its disk only
	w.Expect(w.destroy("A")).To(Equal(engine.Observation{State: engine.Failed, Failure: &engine.Failure{
		Reason:     runner.ReasonStateLocked,
		Message:    "the state is locked by w-1, so that it may not be all there is; save what it has made, then release Lease " + w.leaseName(),
		RetryAfter: 30 * time.Second,
	}}))
	w.Expect(w.has(w.stateName(), &corev1.Secret{})).To(BeTrue())
	w.lock("")
	w.Expect(w.destroy("A")).To(Equal(engine.Observation{State: engine.Gone}))
}

func TestASuccessProvesThatAStateWasSaved(t *testing.T) {
	w := newWorld(t)
	w.apply("A")
	w.fail("w-1", config, runner.ReasonStateNotSaved)
	w.apply("B")
	w.succeed("w-2")
	w.keepState(noResource)
	w.destroy("B")
	w.Expect(w.destroy("B")).To(Equal(engine.Observation{State: engine.Gone}))
}

func TestWhatIsDestroyedIsForgotten(t *testing.T) {
	for name, state := range map[string]string{"no resource": noResource, "no state": "", "only data": `{"version":4,"resources":[{"mode":"data","instances":[{}]}]}`} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			foreign := w.secret(nameOf("Z"))
			foreign.Labels = map[string]string{infrav1.WorkspaceLabel: "w"}
			w.create(foreign)
			w.apply("A")
			w.succeed("w-1")
			w.keepState(oneResource)
			w.destroy("")
			w.succeed("w-2")
			w.keepState(state)
			held := w.run("w-2")
			held.Finalizers = []string{"test.capt/held"}
			w.Expect(env.Client.Update(context.Background(), held)).To(Succeed())

			w.Expect(w.destroy("")).To(Equal(running("w-2", destroying)))
			w.Expect(w.secrets()).To(Equal([]string{foreign.Name}), "what somebody else made stays")
			w.Expect(w.has(w.leaseName(), &coordinationv1.Lease{})).To(BeFalse())
			w.Expect(w.destroy("")).To(Equal(running("w-2", destroying)), "the run is still there")
			held = w.run("w-2")
			held.Finalizers = nil
			w.Expect(env.Client.Update(context.Background(), held)).To(Succeed())
			w.Expect(w.destroy("")).To(Equal(engine.Observation{State: engine.Gone}))
			w.Expect(w.runs()).To(BeEmpty())
		})
	}
}

// The module encrypts it: a run has to say that nothing is left.
func TestAStateThatCannotBeReadIsNotEmpty(t *testing.T) {
	w := newWorld(t)
	const state = `{"serial":7,"lineage":"l","encrypted_data":"x"}`
	w.keepState(state)
	w.Expect(w.destroy("A")).To(Equal(running("w-1", destroying)))
	w.succeed("w-1")
	w.Expect(w.destroy("A").State).To(Equal(engine.Failed), "nobody has said so")
	mark := func(state string) {
		head := w.secret("")
		w.get(w.stateName(), head)
		tfstate.MarkEmpty(head, []byte(state))
		w.Expect(env.Client.Update(t.Context(), head)).To(Succeed())
	}
	mark(`{"serial":6,"lineage":"l"}`)
	w.Expect(w.destroy("A").State).To(Equal(engine.Failed), "it was said of another state")
	mark(state)
	w.Expect(w.destroy("A").State).To(Equal(engine.Running))
	w.Expect(w.destroy("A").State).To(Equal(engine.Gone))
	w.Expect(w.secrets()).To(BeEmpty())
}

func TestReportsGoAndWhatOnlyHasTheirNameStays(t *testing.T) {
	for _, ours := range []bool{true, false} {
		w := newWorld(t)
		reports := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.workspace.Namespace, Name: "w-reports"}}
		if ours {
			reports.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(w.workspace, infrav1.GroupVersion.WithKind("WorkspaceTemplateApply"))}
		}
		w.create(reports)
		w.destroy("A")
		w.Expect(w.has("w-reports", &corev1.Secret{})).To(Equal(!ours))
	}
}
