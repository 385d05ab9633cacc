package workspace

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/conditions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/contract"
	"github.com/captproject/capt/internal/phase"
)

func TestStanding(t *testing.T) {
	condition := func(name string, status metav1.ConditionStatus, reason string) metav1.Condition {
		return metav1.Condition{Type: name, Status: status, Reason: reason, Message: "so it is"}
	}
	resolved := condition(infrav1.InputsResolvedCondition, metav1.ConditionTrue, "InputsResolved")
	tests := map[string]struct {
		status  infrav1.WorkspaceTemplateApplyStatus
		want    string // status/reason of the condition that tells of it
		message string
	}{
		"never looked at": {
			want: "False/WorkspaceNotReady", message: "WorkspaceTemplateApply w has not been looked at yet"},
		"ready": {
			status: infrav1.WorkspaceTemplateApplyStatus{ObservedGeneration: 2,
				Conditions: []metav1.Condition{condition(infrav1.ReadyCondition, metav1.ConditionTrue, "Ready")}},
			want: "True/Stands"},
		"ready, before it was changed": {
			status: infrav1.WorkspaceTemplateApplyStatus{ObservedGeneration: 1,
				Conditions: []metav1.Condition{condition(infrav1.ReadyCondition, metav1.ConditionTrue, "Ready"), resolved}},
			want: "False/WorkspaceNotReady", message: "WorkspaceTemplateApply w has not been looked at yet"},
		"the first trouble is told": {
			status: infrav1.WorkspaceTemplateApplyStatus{ObservedGeneration: 2, Conditions: []metav1.Condition{
				condition(infrav1.OutputsStoredCondition, metav1.ConditionFalse, "NoOutputs"),
				condition(infrav1.AppliedCondition, metav1.ConditionFalse, "ApplyFailed"), resolved,
			}},
			want: "False/ApplyFailed", message: "WorkspaceTemplateApply w: so it is"},
	}
	for name, tt := range tests {
		for _, outputs := range []string{"", "w-outputs"} {
			t.Run(name+" "+outputs, func(t *testing.T) {
				g := NewWithT(t)
				apply := &infrav1.WorkspaceTemplateApply{ObjectMeta: metav1.ObjectMeta{Name: "w", Generation: 2}, Status: tt.status}
				apply.Status.OutputsSecretName = outputs
				told, went := tell(t, Standing(apply))
				g.Expect(string(told.Status) + "/" + told.Reason).To(Equal(tt.want))
				g.Expect(told.Message).To(Equal(tt.message))
				g.Expect(went).To(Equal(outputs != "" || tt.want == "True/Stands"), "what needs outputs goes on if there are any")
			})
		}
	}
}

// tell has a phase end so, and returns its condition, and whether the next phase
// was reached.
func tell(t *testing.T, outcome phase.Outcome) (metav1.Condition, bool) {
	t.Helper()
	obj, reached := &infrav1.WorkspaceTemplateApply{}, false
	result, err := phase.Run(t.Context(), phase.Reporter{Controller: "test", Recorder: &events.FakeRecorder{}}, obj, 0, []phase.Phase[int]{
		{Name: "a", Condition: "Stands", Run: func(context.Context, int) phase.Outcome { return outcome }},
		{Name: "b", Condition: "Next", Run: func(context.Context, int) phase.Outcome { reached = true; return phase.Done() }},
	})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	NewWithT(t).Expect(result).To(BeZero(), "the workspace wakes us")
	return *conditions.Get(obj, "Stands"), reached
}

// newOwner is an object that wants a workspace.
func newOwner(t *testing.T) *corev1.ConfigMap {
	t.Helper()
	owner := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: env.Namespace(t), Name: "o"}}
	NewWithT(t).Expect(env.Client.Create(t.Context(), owner)).To(Succeed())
	return owner
}

func template(name string) func(*infrav1.WorkspaceTemplateApplySpec) {
	return func(spec *infrav1.WorkspaceTemplateApplySpec) { spec.TemplateRef.Name = name }
}

func TestEnsure(t *testing.T) {
	g := NewWithT(t)
	owner := newOwner(t)
	ensure := func(name string) *infrav1.WorkspaceTemplateApply {
		t.Helper()
		apply, err := Ensure(t.Context(), env.Client, owner, "w", "c", template(name))
		g.Expect(err).NotTo(HaveOccurred())
		return apply
	}
	made := ensure("t")
	g.Expect(metav1.IsControlledBy(made, owner)).To(BeTrue())
	g.Expect(made.Labels).To(Equal(map[string]string{clusterv1.ClusterNameLabel: "c"}))
	g.Expect(made.Finalizers).To(Equal([]string{infrav1.WorkspaceFinalizer}))
	g.Expect(ensure("t").ResourceVersion).To(Equal(made.ResourceVersion), "nothing is written without a change")

	made.Spec.RetainWorkspaceOnDelete = ptr.To(true)
	g.Expect(env.Client.Update(t.Context(), made)).To(Succeed())
	changed := ensure("u")
	g.Expect(changed.Spec.TemplateRef.Name).To(Equal("u"))
	g.Expect(changed.Spec.RetainWorkspaceOnDelete).To(Equal(ptr.To(true)))
	g.Expect(changed.Generation).To(BeEquivalentTo(3), "what was written is what is returned")
}

func TestTheWatchFilterIsHandedOn(t *testing.T) {
	g := NewWithT(t)
	owner := newOwner(t)
	for _, filter := range []map[string]string{nil, {clusterv1.WatchLabel: "a"}, {clusterv1.WatchLabel: "b", "other": "o"}, nil} {
		owner.SetLabels(filter)
		apply, err := Ensure(t.Context(), env.Client, owner, "w", "c", template("t"))
		g.Expect(err).NotTo(HaveOccurred())
		want := map[string]string{clusterv1.ClusterNameLabel: "c"}
		if value := filter[clusterv1.WatchLabel]; value != "" {
			want[clusterv1.WatchLabel] = value
		}
		g.Expect(apply.Labels).To(Equal(want))
	}
	owner.SetLabels(map[string]string{clusterv1.WatchLabel: "a"})
	apply, err := Ensure(t.Context(), env.Client, owner, "new", "c", template("t"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(apply.Labels).To(HaveKeyWithValue(clusterv1.WatchLabel, "a"))
}

// outdated is a cache that has not seen the last change.
type outdated struct {
	client.Client
	seen *infrav1.WorkspaceTemplateApply
}

func (o outdated) Get(_ context.Context, _ client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	o.seen.DeepCopyInto(obj.(*infrav1.WorkspaceTemplateApply))
	return nil
}

func TestEnsureDoesNotUndoWhatItHasNotSeen(t *testing.T) {
	g := NewWithT(t)
	owner := newOwner(t)
	seen, err := Ensure(t.Context(), env.Client, owner, "w", "c", template("t"))
	g.Expect(err).NotTo(HaveOccurred())
	changed := seen.DeepCopy()
	changed.Spec.Variables = map[string]string{"users": "own"}
	g.Expect(env.Client.Update(t.Context(), changed)).To(Succeed())
	_, err = Ensure(t.Context(), outdated{env.Client, seen}, owner, "w", "c", template("u"))
	g.Expect(apierrors.IsConflict(err)).To(BeTrue(), "%v", err)
}

func TestAWorkspaceOfOthersIsLeftAlone(t *testing.T) {
	g := NewWithT(t)
	owner := newOwner(t)
	theirs := &infrav1.WorkspaceTemplateApply{ObjectMeta: metav1.ObjectMeta{Namespace: owner.Namespace, Name: "w"}}
	theirs.Spec.TemplateRef.Name = "t"
	g.Expect(env.Client.Create(t.Context(), theirs)).To(Succeed())
	_, err := Ensure(t.Context(), env.Client, owner, "w", "c", template("u"))
	var taken *TakenError
	g.Expect(errors.As(err, &taken)).To(BeTrue(), "%v", err)
	g.Expect(taken.Reason()).To(Equal(ReasonNameTaken))
	left, err := Delete(t.Context(), env.Client, env.Client, owner, "w")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(left).To(BeEmpty(), "it does not hold up the owner")
	g.Expect(env.Client.Get(t.Context(), client.ObjectKeyFromObject(theirs), theirs)).To(Succeed())
	g.Expect(theirs.Spec.TemplateRef.Name).To(Equal("t"))
	g.Expect(theirs.DeletionTimestamp.IsZero()).To(BeTrue())
}

func TestDelete(t *testing.T) {
	g := NewWithT(t)
	owner := newOwner(t)
	expectLeft := func(want string) {
		t.Helper()
		left, err := Delete(t.Context(), env.Client, env.Client, owner, "w")
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(left).To(Equal(want))
	}
	expectLeft("")
	apply, err := Ensure(t.Context(), env.Client, owner, "w", "c", template("t"))
	g.Expect(err).NotTo(HaveOccurred())
	apply.Finalizers = []string{"test.capt/held"}
	g.Expect(env.Client.Update(t.Context(), apply)).To(Succeed())
	failed := metav1.Condition{Type: infrav1.AppliedCondition, Status: metav1.ConditionFalse, Reason: "ApplyFailed", Message: "run w-1 failed", ObservedGeneration: 1}
	conditions.Set(apply, failed)
	g.Expect(env.Client.Status().Update(t.Context(), apply)).To(Succeed())
	expectLeft("WorkspaceTemplateApply w is being deleted")
	expectLeft("WorkspaceTemplateApply w is being deleted") // what it said before is of no interest
	g.Expect(env.Client.Get(t.Context(), client.ObjectKeyFromObject(apply), apply)).To(Succeed())
	failed.Reason, failed.Message, failed.ObservedGeneration = "DestroyFailed", "run w-2 failed: it is held", apply.Generation
	conditions.Set(apply, failed)
	g.Expect(env.Client.Status().Update(t.Context(), apply)).To(Succeed())
	expectLeft("WorkspaceTemplateApply w is being deleted: run w-2 failed: it is held")
	apply.Finalizers = nil
	g.Expect(env.Client.Update(t.Context(), apply)).To(Succeed())
	expectLeft("")
}

func TestOutputs(t *testing.T) {
	g := NewWithT(t)
	apply := &infrav1.WorkspaceTemplateApply{ObjectMeta: metav1.ObjectMeta{Namespace: env.Namespace(t), Name: "w"}}
	apply.Status.OutputsSecretName = "w-outputs"
	_, _, err := Outputs(t.Context(), env.Client, apply)
	g.Expect(apierrors.IsNotFound(err)).To(BeTrue(), "%v", err)
	g.Expect(env.Client.Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: apply.Namespace, Name: "w-outputs"},
		StringData: map[string]string{"outputs.json": `{"a":{"sensitive":true,"type":"string","value":"x"}}`},
	})).To(Succeed())
	outputs, made, err := Outputs(t.Context(), env.Client, apply)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(outputs).To(Equal(contract.Outputs{
		"a": {Sensitive: true, Type: []byte(`"string"`), Value: []byte(`"x"`)},
	}))
	g.Expect(made).NotTo(BeZero(), "when the Secret was made is the next best")
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	apply.Status.LastAppliedTime = metav1.NewTime(noon)
	_, made, err = Outputs(t.Context(), env.Client, apply)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(made).To(Equal(noon))
}

func TestApplyAgain(t *testing.T) {
	g := NewWithT(t)
	apply := &infrav1.WorkspaceTemplateApply{ObjectMeta: metav1.ObjectMeta{Namespace: env.Namespace(t), Name: "w"},
		Spec: infrav1.WorkspaceTemplateApplySpec{TemplateRef: infrav1.WorkspaceTemplateReference{Name: "t"}}}
	g.Expect(env.Client.Create(t.Context(), apply)).To(Succeed())
	at, handled := AskedToApplyAgain(apply)
	g.Expect(at).To(BeZero())
	g.Expect(handled).To(BeTrue())

	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	g.Expect(ApplyAgain(t.Context(), env.Client, apply, noon)).To(Succeed())
	g.Expect(env.Client.Get(t.Context(), client.ObjectKeyFromObject(apply), apply)).To(Succeed())
	g.Expect(apply.Annotations).To(HaveKeyWithValue("infrastructure.cluster.x-k8s.io/apply-requested-at", "2026-01-02T12:00:00Z"))
	at, handled = AskedToApplyAgain(apply)
	g.Expect(at).To(Equal(noon))
	g.Expect(handled).To(BeFalse())
	apply.Status.LastHandledApplyRequest = "2026-01-02T12:00:00Z"
	_, handled = AskedToApplyAgain(apply)
	g.Expect(handled).To(BeTrue())

	delete(apply.Annotations, infrav1.ApplyRequestAnnotation)
	_, handled = AskedToApplyAgain(apply)
	g.Expect(handled).To(BeTrue(), "nobody asks any more")

	apply.Annotations[infrav1.ApplyRequestAnnotation] = strings.Repeat("é", 200)
	apply.Status.LastHandledApplyRequest = strings.Repeat("é", 128)
	at, handled = AskedToApplyAgain(apply)
	g.Expect(at).To(BeZero(), "a user's own words")
	g.Expect(handled).To(BeTrue(), "as far as they count")
}
