package opentofu

import (
	"context"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	clusterctlv1 "sigs.k8s.io/cluster-api/cmd/clusterctl/api/v1alpha3"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine"
	"github.com/captproject/capt/internal/runner"
	"github.com/captproject/capt/internal/tfstate"
)

func (w *world) movable() bool {
	ready, err := w.engine.PrepareMove(context.Background(), w.workspace)
	w.Expect(err).NotTo(HaveOccurred())
	return ready
}

func TestAWorkspaceIsMovableWhenNothingIsUnderWay(t *testing.T) {
	w := newWorld(t)
	w.Expect(w.movable()).To(BeTrue(), "there was no run")
	w.apply("A")
	w.Expect(w.movable()).To(BeFalse(), "a run is under way")
	w.succeed("w-1")
	w.Expect(w.movable()).To(BeTrue())

	w.keepState(oneResource)
	w.lock("somebody")
	_, err := w.engine.PrepareMove(t.Context(), w.workspace)
	w.Expect(err).To(MatchError(ContainSubstring("release Lease " + w.leaseName())))
	w.lock("")
	w.apply("B")
	w.fail("w-2", config, runner.ReasonStateNotSaved)
	_, err = w.engine.PrepareMove(t.Context(), w.workspace)
	w.Expect(err).To(MatchError(ContainSubstring("run w-2 is on its disk only")))
}

func TestARunTakesItsStatusAlong(t *testing.T) {
	w := newWorld(t)
	w.apply("A")
	w.Expect(MovedStatus(w.run("w-1"))).To(BeNil())
	w.end("w-1", infrav1.WorkspaceRunStatus{
		Phase: infrav1.RunFailed, Reason: "Broken", Message: "it broke", FailureKind: config,
		Plan: infrav1.PlanSummary{Digest: strings.Repeat("d", 64), Add: ptr.To[int32](2)}, StartTime: metav1.NewTime(noon),
		Conditions: []metav1.Condition{{Type: "Succeeded", Status: metav1.ConditionFalse, Reason: "Broken", LastTransitionTime: metav1.NewTime(noon)}},
	})
	w.Expect(w.movable()).To(BeTrue())
	run := w.run("w-1")
	moved := MovedStatus(run)
	w.Expect(moved).NotTo(BeNil())
	w.Expect(moved.CompletionTime.Equal(&run.Status.CompletionTime)).To(BeTrue())
	w.Expect(moved.Plan).To(Equal(run.Status.Plan))
	w.Expect([]any{moved.Phase, moved.Reason, moved.Message, moved.FailureKind}).
		To(Equal([]any{run.Status.Phase, run.Status.Reason, run.Status.Message, run.Status.FailureKind}))

	w.Expect(w.movable()).To(BeTrue())
	w.Expect(w.run("w-1").ResourceVersion).To(Equal(run.ResourceVersion), "it is written once")
	run.Annotations[statusAnnotation] = "{"
	w.Expect(MovedStatus(run)).To(BeNil())
}

func TestWhatGoesAlongWithAMove(t *testing.T) {
	label := HaveKeyWithValue(clusterctlv1.ClusterctlMoveLabel, "")
	w := newWorld(t)
	w.apply("A")
	w.Expect(w.run("w-1").Labels).NotTo(label, "nothing moves the workspace")
	w.succeed("w-1")

	w.workspace.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: clusterv1.GroupVersion.String(), Kind: "Cluster", Name: "c", UID: "u", Controller: ptr.To(true),
	}}
	w.Expect(env.Client.Update(t.Context(), w.workspace)).To(Succeed())
	w.apply("B")
	w.Expect(w.run("w-2").Labels).To(label)
	stored := &corev1.Secret{}
	w.get(nameOf("B"), stored)
	w.Expect(stored.Labels).To(label, "the runner hands it on to the state")
	w.succeed("w-2")

	w.workspace.OwnerReferences = nil
	w.workspace.Labels[clusterctlv1.ClusterctlMoveHierarchyLabel] = ""
	w.Expect(env.Client.Update(t.Context(), w.workspace)).To(Succeed())
	w.apply("C")
	w.Expect(w.run("w-3").Labels).To(label)
}

func TestWhatWasMadeIsNotMadeAgainWithoutItsState(t *testing.T) {
	w := newWorld(t)
	w.workspace.Annotations = map[string]string{infrav1.StateKeptAnnotation: ""}
	missing := w.apply("A")
	w.Expect(missing.State).To(Equal(engine.Failed))
	w.Expect(missing.Failure.Reason).To(Equal(runner.ReasonStateMissing))
	w.Expect(missing.Failure.RetryAfter).To(Equal(firstRetry))
	w.Expect(missing.Failure.Message).To(And(ContainSubstring(w.stateName()), ContainSubstring("w-outputs"), ContainSubstring(infrav1.StateKeptAnnotation)))
	w.Expect(w.runs()).To(BeEmpty())

	empty := tfstate.NewSecret(w.workspace.Namespace, tfstate.Suffix(w.workspace.Namespace, "w"), nil)
	w.create(empty)
	w.Expect(w.apply("A").State).To(Equal(engine.Failed), "made for a run of this cluster")
	empty.Finalizers = nil
	w.Expect(env.Client.Update(t.Context(), empty)).To(Succeed())
	w.delete(empty)
	w.keepState(oneResource)
	w.Expect(w.apply("A")).To(Equal(running("w-1", applying)), "only the outputs are missing")
}

func TestWhatIsKeptIsMarkedForAMove(t *testing.T) {
	label := HaveKey(clusterctlv1.ClusterctlMoveLabel)
	w := newWorld(t)
	w.apply("A")
	w.keepState(oneResource)
	labels := func(name string) map[string]string {
		secret := &corev1.Secret{}
		w.get(name, secret)
		return secret.Labels
	}
	names := []string{w.stateName(), nameOf("A")}
	w.workspace.Labels[clusterctlv1.ClusterctlMoveHierarchyLabel] = ""
	w.Expect(w.engine.MarkForMove(t.Context(), w.workspace)).To(Succeed())
	for _, name := range names {
		w.Expect(labels(name)).To(label, name)
	}
	delete(w.workspace.Labels, clusterctlv1.ClusterctlMoveHierarchyLabel)
	w.Expect(w.engine.MarkForMove(t.Context(), w.workspace)).To(Succeed())
	for _, name := range names {
		w.Expect(labels(name)).NotTo(label, name)
	}
}

func TestAStateMadeAfterThePauseKeepsAMoveAway(t *testing.T) {
	w := newWorld(t)
	w.keepState(oneResource)
	state := &corev1.Secret{}
	w.get(w.stateName(), state)
	w.workspace.Status.Conditions = []metav1.Condition{{
		Type: clusterv1.PausedCondition, Status: metav1.ConditionTrue, LastTransitionTime: state.CreationTimestamp,
	}}
	_, err := w.engine.PrepareMove(t.Context(), w.workspace)
	w.Expect(err).To(MatchError(And(ContainSubstring(w.stateName()), ContainSubstring("move again"))))
	w.workspace.Status.Conditions[0].LastTransitionTime = metav1.NewTime(state.CreationTimestamp.Add(time.Second))
	w.Expect(w.movable()).To(BeTrue())
}

func TestACheckDoesNotKeepAMoveAway(t *testing.T) {
	w := newWorld(t)
	w.create(&infrav1.WorkspaceRun{
		ObjectMeta: owned(w.workspace, "w-1"),
		Spec: infrav1.WorkspaceRunSpec{
			ApplyName: "w", Operation: infrav1.OperationPlan, Attempt: 1,
			InputsRef: infrav1.InputsReference{Name: nameOf("A"), Digest: inputsOf("A").Digest},
		},
	})
	w.Expect(w.movable()).To(BeFalse())
	w.Expect(w.run("w-1").Spec.Cancel).To(HaveValue(BeTrue()))
}
