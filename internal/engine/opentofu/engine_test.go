package opentofu

import (
	"context"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gstruct"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine"
	"github.com/captproject/capt/internal/inputs"
	"github.com/captproject/capt/internal/runner"
)

func TestTheFirstApplyStartsARun(t *testing.T) {
	w := newWorld(t)
	w.Expect(w.apply("A")).To(Equal(running("w-1", applying)))

	owned := gstruct.MatchFields(gstruct.IgnoreExtras, gstruct.Fields{
		"Labels":          Equal(map[string]string{infrav1.WorkspaceLabel: "w", clusterv1.ClusterNameLabel: "c"}),
		"OwnerReferences": ConsistOf(*metav1.NewControllerRef(w.workspace, infrav1.GroupVersion.WithKind("WorkspaceTemplateApply"))),
	})
	run := w.run("w-1")
	w.Expect(run.ObjectMeta).To(owned)
	w.Expect(MadeElsewhere(run, w.workspace)).To(BeFalse())
	moved := w.workspace.DeepCopy()
	moved.UID = "another"
	w.Expect(MadeElsewhere(run, moved)).To(BeTrue())
	w.Expect(MadeElsewhere(&infrav1.WorkspaceRun{}, moved)).To(BeFalse(), "an earlier CAPT did not say")
	w.Expect(run.Spec).To(Equal(infrav1.WorkspaceRunSpec{
		ApplyName: "w", Operation: applying, Attempt: 1,
		InputsRef: infrav1.InputsReference{Name: nameOf("A"), Digest: inputsOf("A").Digest},
	}))
	stored := &corev1.Secret{}
	w.get(nameOf("A"), stored)
	w.Expect(stored.ObjectMeta).To(owned)
	w.Expect(stored.Immutable).To(Equal(ptr.To(true)))
	w.Expect(stored.Data).To(Equal(map[string][]byte{inputs.SecretKey: []byte("A")}))
}

func TestARunIsMadeWithItsFinalizer(t *testing.T) {
	w := newWorld(t)
	w.engine.Client = env.Client
	w.apply("A")
	w.Expect(w.run("w-1").Finalizers).To(Equal([]string{infrav1.RunFinalizer}))
}

func TestThereIsOneActiveRun(t *testing.T) {
	w := newWorld(t)
	w.apply("A")
	for _, text := range []string{"A", "B"} {
		w.Expect(w.apply(text)).To(Equal(running("w-1", applying)))
	}
	w.end("w-1", infrav1.WorkspaceRunStatus{Phase: infrav1.RunRunning})
	w.Expect(w.apply("B")).To(Equal(running("w-1", applying)))
	w.Expect(w.runs()).To(Equal([]string{"w-1"}))
}

func TestWhatIsUpToDateIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	w.apply("A")
	w.succeed("w-1")
	w.now = w.now.Add(24 * time.Hour)
	observation, err := w.engine.Apply(t.Context(), w.workspace, ptr.To(inputsOf("A")))
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(observation.LastApplied.UTC()).To(Equal(noon))
	observation.LastApplied = time.Time{}
	w.Expect(observation).To(Equal(engine.Observation{
		State: engine.UpToDate, Run: "w-1", Operation: applying, OutputsSecret: "w-outputs", Plan: &infrav1.PlanSummary{Add: ptr.To[int32](1)},
	}))
	w.Expect(w.runs()).To(Equal([]string{"w-1"}))
}

func TestChangedInputsLeadToARun(t *testing.T) {
	w := newWorld(t)
	w.apply("A")
	w.succeed("w-1")
	w.Expect(w.apply("B")).To(Equal(withOutputs(running("w-2", applying))))
	w.Expect(w.run("w-2").Spec.InputsRef.Digest).To(Equal(inputsOf("B").Digest))
	w.Expect(w.secrets()).To(ContainElements(nameOf("A"), nameOf("B")), "A is what a destroy would be made with")
}

func TestTheWayBackFromAFailureIsARun(t *testing.T) {
	w := newWorld(t)
	w.apply("A")
	w.succeed("w-1")
	w.apply("B")
	w.fail("w-2", config, "ModuleInvalid")
	w.Expect(w.apply("A")).To(Equal(withOutputs(running("w-3", applying))), "half of B may be there")
}

func TestLostOutputsAreMadeAgain(t *testing.T) {
	w := newWorld(t)
	w.apply("A")
	w.succeed("w-1")
	w.delete(w.secret("w-outputs"))
	w.Expect(w.apply("A")).To(Equal(running("w-2", applying)))
	w.Expect(w.run("w-2").Spec.Attempt).To(BeEquivalentTo(2))
	w.succeed("w-2")
	w.delete(w.secret("w-outputs"))
	w.Expect(w.apply("A")).To(Equal(failed("w-2", applying, engine.Failure{
		Reason: "RunFailed", Message: "run w-2 succeeded, but what it left is not as it should be; it will be tried again", RetryAfter: time.Minute,
	})), "but not without end")
}

func TestAFailureThatMayPassIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.apply("A")
	w.fail("w-1", transient, "ApplyFailed")
	w.Expect(w.apply("A")).To(Equal(failed("w-1", applying, engine.Failure{
		Reason: "ApplyFailed", Message: "run w-1 failed: it broke; it will be tried again", RetryAfter: 30 * time.Second,
	})))
	w.now = w.now.Add(30 * time.Second)
	w.Expect(w.apply("A")).To(Equal(running("w-2", applying)))
	w.Expect(w.run("w-2").Spec.Attempt).To(BeEquivalentTo(2))
}

func TestAFailureByTheInputsWaitsForOthers(t *testing.T) {
	w := newWorld(t)
	w.apply("A")
	w.fail("w-1", config, "ModuleInvalid")
	w.now = w.now.Add(24 * time.Hour)
	w.Expect(w.apply("A")).To(Equal(failed("w-1", applying, engine.Failure{
		Reason: "ModuleInvalid", Message: "run w-1 failed: it broke; a change of the template or of its variables starts a new run",
	})))
	w.Expect(w.apply("B")).To(Equal(running("w-2", applying)))
}

// stale is a cache that has not seen the latest runs.
type stale struct {
	client.Client
	seen int
}

func (s *stale) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if err := s.Client.List(ctx, list, opts...); err != nil {
		return err
	}
	if runs, ok := list.(*infrav1.WorkspaceRunList); ok {
		runs.Items = runs.Items[:s.seen]
	}
	return nil
}

func TestAStaleCacheStartsNothingTwice(t *testing.T) {
	w := newWorld(t)
	w.apply("A")
	w.engine.Client = &stale{Client: env.Client}
	w.Expect(w.apply("A")).To(Equal(running("w-1", applying)))
	w.Expect(w.apply("B")).To(Equal(running("w-1", applying)))
	w.Expect(w.runs()).To(Equal([]string{"w-1"}))
	w.Expect(w.secrets()).To(ContainElement(nameOf("A")), "the run that was overlooked needs it")
}

func TestALockOfADeletedRunIsNotTakenOver(t *testing.T) {
	w := newWorld(t)
	w.keepState(oneResource)
	w.apply("A")
	w.lock("w-1")
	w.engine.Client = &stale{Client: env.Client}
	w.Expect(w.apply("A")).To(Equal(running("w-1", applying)), "it is there, although the cache has not seen it")
	w.Expect(w.runs()).To(Equal([]string{"w-1"}))
	w.engine.Client = env.Client
	w.delete(w.run("w-1"))
	w.Expect(w.apply("A")).To(Equal(running("w-2", applying)), "a new w-1 would take the lock for its own")
}

func TestOldRunsAndTheirInputsGo(t *testing.T) {
	w := newWorld(t)
	w.apply("0")
	w.succeed("w-1")
	for i, text := range []string{"1", "2", "3", "4", "5", "6"} {
		w.apply(text)
		w.fail(runName("w", i+2), config, "ModuleInvalid")
	}
	w.apply("7")
	w.Expect(w.runs()).To(Equal([]string{"w-3", "w-4", "w-5", "w-6", "w-7", "w-8"}), "five that ended, and the active one")
	w.Expect(w.secrets()).To(ConsistOf("w-outputs",
		nameOf("0"), // of the outputs
		nameOf("2"), nameOf("3"), nameOf("4"), nameOf("5"), nameOf("6"), nameOf("7")))
}

func TestRunsOfOthersAreNotOurs(t *testing.T) {
	w := newWorld(t)
	for _, run := range []string{"w-x", "v-7"} {
		w.create(&infrav1.WorkspaceRun{
			ObjectMeta: metav1.ObjectMeta{Namespace: w.workspace.Namespace, Name: run},
			Spec: infrav1.WorkspaceRunSpec{
				ApplyName: run[:1], Operation: applying, Attempt: 1,
				InputsRef: infrav1.InputsReference{Name: "i", Digest: inputsOf("i").Digest},
			},
		})
	}
	w.Expect(w.apply("A")).To(Equal(running("w-1", applying)))
}

func TestReleaseKeepsTheState(t *testing.T) {
	w := newWorld(t)
	w.apply("A")
	w.Expect(w.release()).To(Equal(running("w-1", applying)), "a run is not cut short")
	w.succeed("w-1")
	w.keepState(oneResource)
	w.Expect(w.release().State).To(Equal(engine.Running))
	w.Expect(w.release()).To(Equal(engine.Observation{State: engine.Gone}))
	w.Expect(w.runs()).To(BeEmpty())
	w.Expect(w.secrets()).To(Equal([]string{w.stateName()}))
	w.Expect(w.has(w.leaseName(), &coordinationv1.Lease{})).To(BeTrue())
}

func TestWhatCannotBeDestroyedIsLetGo(t *testing.T) {
	w := newWorld(t)
	w.apply("A")
	w.succeed("w-1")
	w.keepState(oneResource)
	w.destroy("")
	w.fail("w-2", infrav1.FailureConfiguration, "DestroyFailed")
	w.Expect(w.destroy("").State).To(Equal(engine.Failed))
	w.release()
	w.Expect(w.release()).To(Equal(engine.Observation{State: engine.Gone}))
	w.Expect(w.runs()).To(BeEmpty())
	w.Expect(w.secrets()).To(Equal([]string{w.stateName()}))
}

func TestTheWatchFilterIsHandedOn(t *testing.T) {
	w := newWorld(t)
	w.workspace.Labels[clusterv1.WatchLabel] = "a"
	w.apply("A")
	w.Expect(w.run("w-1").Labels).To(HaveKeyWithValue(clusterv1.WatchLabel, "a"), "the same instance carries it out")
}

func TestADestroyThatHasNotBegunIsCalledOff(t *testing.T) {
	for name, begun := range map[string]bool{"it waits": false, "it has begun": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.apply("A")
			w.succeed("w-1")
			w.keepState(oneResource)
			w.destroy("")
			run := w.run("w-2")
			run.Finalizers = []string{"example.com/the-controller-of-runs"}
			w.Expect(env.Client.Update(t.Context(), run)).To(Succeed())
			run.Status = infrav1.WorkspaceRunStatus{Phase: infrav1.RunPending, Runner: "Job w-2"}
			if begun {
				run.Status.StartTime = metav1.NewTime(w.now)
			}
			w.Expect(env.Client.Status().Update(t.Context(), run)).To(Succeed())
			for range 2 {
				w.Expect(w.release()).To(Equal(running("w-2", destroying)), "it is waited for")
			}
			w.Expect(w.run("w-2").DeletionTimestamp.IsZero()).To(Equal(begun))

			run = w.run("w-2")
			run.Finalizers = nil
			w.Expect(env.Client.Update(t.Context(), run)).To(Succeed())
			if begun {
				w.succeed("w-2")
			}
			w.release()
			w.Expect(w.release()).To(Equal(engine.Observation{State: engine.Gone}))
		})
	}
}

func TestARunThatHasNotBegunSaysWhy(t *testing.T) {
	w := newWorld(t)
	w.apply("A")
	for reason, want := range map[string]string{"NotStarted": "NotStarted: no room for jobs", ReasonQueued: ReasonQueued} {
		run := w.run("w-1")
		run.Status.Conditions = []metav1.Condition{{
			Type: infrav1.SucceededCondition, Status: metav1.ConditionFalse, Reason: reason, Message: "no room for jobs", LastTransitionTime: metav1.NewTime(w.now),
		}}
		w.Expect(env.Client.Status().Update(t.Context(), run)).To(Succeed())
		w.Expect(w.apply("A").NotBegun).To(Equal(want))
	}
	run := w.run("w-1")
	run.Status.StartTime = metav1.NewTime(w.now)
	w.Expect(env.Client.Status().Update(t.Context(), run)).To(Succeed())
	w.Expect(w.apply("A").NotBegun).To(BeEmpty())
}

func TestAnApplyCanBeAskedForAgain(t *testing.T) {
	w := newWorld(t)
	w.apply("A")
	w.succeed("w-1")
	for _, ask := range []struct{ request, run string }{{"2026-01-02T12:00:00Z", "w-2"}, {"at once", "w-3"}} {
		w.workspace.Annotations = map[string]string{infrav1.ApplyRequestAnnotation: ask.request}
		refreshing := withOutputs(running(ask.run, applying))
		refreshing.Refreshing = true
		w.Expect(w.apply("A")).To(Equal(refreshing), "nothing else is wanted than what is there")
		w.Expect(w.run(ask.run).Spec.ApplyRequest).To(Equal(ask.request))
		w.Expect(w.apply("A")).To(Equal(refreshing))
		w.succeed(ask.run)
		handled := withOutputs(engine.Observation{State: engine.UpToDate, Run: ask.run, Operation: applying, HandledRequest: ask.request})
		w.Expect(w.apply("A")).To(Equal(handled), "once for each request")
	}
	w.Expect(w.apply("B")).To(Equal(withOutputs(running("w-4", applying))), "other inputs are no refresh")
	w.fail("w-4", config, "Broken")
	w.Expect(w.apply("B").HandledRequest).To(Equal("at once"), "well or not")
	w.workspace.Annotations = map[string]string{infrav1.ApplyRequestAnnotation: strings.Repeat("é", 200)}
	w.apply("B")
	w.Expect(w.run("w-5").Spec.ApplyRequest).To(Equal(strings.Repeat("é", 128)))
}

func TestASecretOfSomebodyElseIsInTheWay(t *testing.T) {
	for _, name := range []string{"w-outputs", "w-reports"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			theirs := w.secret(name)
			theirs.Annotations = map[string]string{infrav1.InputsDigestAnnotation: inputsOf("A").Digest}
			w.create(theirs)
			taken := engine.Failure{
				Reason:  runner.ReasonSecretNotOurs,
				Message: "Secret " + name + " exists and is not of WorkspaceTemplateApply w; rename or delete it",
			}
			w.Expect(w.apply("A")).To(Equal(engine.Observation{State: engine.Failed, Failure: &taken}))
			w.keepState(oneResource)
			w.Expect(w.destroy("A")).To(Equal(engine.Observation{State: engine.Failed, Failure: &taken}))
			w.Expect(w.runs()).To(BeEmpty())

			w.delete(theirs)
			w.Expect(w.apply("A")).To(Equal(running("w-1", applying)), "and it goes on")
		})
	}
}

func TestASecretOfSomebodyElseOutlivesTheWorkspace(t *testing.T) {
	w := newWorld(t)
	w.create(w.secret("w-outputs"))
	w.Expect(w.destroy("A").State).To(Equal(engine.Gone))
	w.Expect(w.release().State).To(Equal(engine.Gone))
	w.Expect(w.secrets()).To(Equal([]string{"w-outputs"}))
}
