package phase_test

import (
	"context"
	"errors"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/cluster-api/util/conditions"
	ctrl "sigs.k8s.io/controller-runtime"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/phase"
)

// step is a phase that ends with an outcome and notes that it ran.
func step(ran *[]string, name, condition string, outcome phase.Outcome) phase.Phase[*[]string] {
	return phase.Phase[*[]string]{Name: name, Condition: condition, Run: func(_ context.Context, s *[]string) phase.Outcome {
		*s = append(*s, name)
		*ran = *s
		return outcome
	}}
}

var errBroken = errors.New("the disk is on fire")

func TestRun(t *testing.T) {
	conflict := apierrors.NewConflict(schema.GroupResource{Resource: "secrets"}, "x", errBroken)
	tests := map[string]struct {
		outcomes   []phase.Outcome // of the phases a1 and a2 (condition A) and b (condition B)
		ran        []string
		conditions map[string]string // type → status/reason
		result     ctrl.Result
		fails      bool
	}{
		"all done": {
			outcomes:   []phase.Outcome{phase.Done(), phase.Done(), phase.Done()},
			ran:        []string{"a1", "a2", "b"},
			conditions: map[string]string{"A": "True/A", "B": "True/B"},
		},
		"the earliest clock wins": {
			outcomes:   []phase.Outcome{phase.DoneFor(time.Hour), phase.DoneFor(time.Minute), phase.DoneFor(2 * time.Hour)},
			ran:        []string{"a1", "a2", "b"},
			conditions: map[string]string{"A": "True/A", "B": "True/B"},
			result:     ctrl.Result{RequeueAfter: time.Minute},
		},
		"a wait stops": {
			outcomes:   []phase.Outcome{phase.Wait("NotYet", "later", 0), phase.Done(), phase.Done()},
			ran:        []string{"a1"},
			conditions: map[string]string{"A": "False/NotYet", "B": "Unknown/NotReached"},
		},
		"a wait that proceeds leaves its condition false": {
			outcomes:   []phase.Outcome{phase.Wait("NotYet", "later", 0).Proceed(), phase.Done(), phase.Done()},
			ran:        []string{"a1", "a2", "b"},
			conditions: map[string]string{"A": "False/NotYet", "B": "True/B"},
		},
		"the first trouble of a condition is the one shown": {
			outcomes:   []phase.Outcome{phase.Wait("First", "later", 0).Proceed(), phase.Block("Second", errBroken), phase.Done()},
			ran:        []string{"a1", "a2"},
			conditions: map[string]string{"A": "False/First", "B": "Unknown/NotReached"},
		},
		"a failure is retried by controller-runtime": {
			outcomes:   []phase.Outcome{phase.Done(), phase.Fail("Broken", errBroken), phase.Done()},
			ran:        []string{"a1", "a2"},
			conditions: map[string]string{"A": "False/Broken", "B": "Unknown/NotReached"},
			fails:      true,
		},
		"a failure with a time is retried then": {
			outcomes:   []phase.Outcome{phase.Done(), phase.FailFor("Broken", errBroken, time.Minute), phase.Done()},
			ran:        []string{"a1", "a2"},
			conditions: map[string]string{"A": "False/Broken", "B": "Unknown/NotReached"},
			result:     ctrl.Result{RequeueAfter: time.Minute},
		},
		"a block is not retried": {
			outcomes:   []phase.Outcome{phase.Done(), phase.Done(), phase.Block("Bad", errBroken)},
			ran:        []string{"a1", "a2", "b"},
			conditions: map[string]string{"A": "True/A", "B": "False/Bad"},
		},
		"a note is shown although the rest is done": {
			outcomes:   []phase.Outcome{phase.Note("ButThat", "note"), phase.Note("ButThis", "note"), phase.Done()},
			ran:        []string{"a1", "a2", "b"},
			conditions: map[string]string{"A": "True/ButThat", "B": "True/B"},
		},
		"trouble counts more than a note": {
			outcomes:   []phase.Outcome{phase.Note("ButThat", "note"), phase.Block("Bad", errBroken), phase.Done()},
			ran:        []string{"a1", "a2"},
			conditions: map[string]string{"A": "False/Bad", "B": "Unknown/NotReached"},
		},
		"what is undecided stops, and is unknown": {
			outcomes:   []phase.Outcome{phase.Done(), phase.Undecided("Asking", "asking"), phase.Done()},
			ran:        []string{"a1", "a2"},
			conditions: map[string]string{"A": "Unknown/Asking", "B": "Unknown/NotReached"},
		},
		"whatever it is, it is looked at within a time": {
			outcomes:   []phase.Outcome{phase.DoneFor(time.Hour).Within(time.Minute), phase.Done().Within(0), phase.Block("Bad", errBroken).Within(2 * time.Minute)},
			ran:        []string{"a1", "a2", "b"},
			conditions: map[string]string{"A": "True/A", "B": "False/Bad"},
			result:     ctrl.Result{RequeueAfter: time.Minute},
		},
		"a status of its own": {
			outcomes: []phase.Outcome{
				phase.Done(), phase.Note("AllWell", "note").As(metav1.ConditionFalse), phase.Block("Bad", errBroken).As(metav1.ConditionTrue),
			},
			ran:        []string{"a1", "a2", "b"},
			conditions: map[string]string{"A": "False/AllWell", "B": "True/Bad"},
		},
		"what was known is not any more": {
			outcomes:   []phase.Outcome{phase.Fail("Unseen", errBroken).As(metav1.ConditionUnknown).Proceed(), phase.Done(), phase.Done()},
			ran:        []string{"a1", "a2", "b"},
			conditions: map[string]string{"A": "Unknown/Unseen", "B": "True/B"},
			fails:      true,
		},
		"a conflict is not shown": {
			outcomes:   []phase.Outcome{phase.Done(), phase.Fail("Broken", conflict), phase.Done()},
			ran:        []string{"a1", "a2"},
			conditions: map[string]string{},
			result:     ctrl.Result{RequeueAfter: 100 * time.Millisecond},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			obj := &infrav1.WorkspaceTemplateApply{}
			var ran []string
			result, err := phase.Run(t.Context(), reporter(nil), obj, &[]string{}, []phase.Phase[*[]string]{
				step(&ran, "a1", "A", tt.outcomes[0]), step(&ran, "a2", "A", tt.outcomes[1]), step(&ran, "b", "B", tt.outcomes[2]),
			})
			g.Expect(ran).To(Equal(tt.ran))
			g.Expect(err != nil).To(Equal(tt.fails), "error: %v", err)
			g.Expect(result).To(Equal(tt.result))
			g.Expect(summary(obj)).To(Equal(tt.conditions))
		})
	}
}

func TestConflictsAreLookedAtAgainLaterEachTime(t *testing.T) {
	g := NewWithT(t)
	conflict := phase.Fail("Broken", apierrors.NewConflict(schema.GroupResource{Resource: "secrets"}, "x", errBroken))
	counting := phase.NewReporter("test", events.NewFakeRecorder(10))
	after := func(uid types.UID, outcome phase.Outcome) time.Duration {
		var ran []string
		obj := &infrav1.WorkspaceTemplateApply{ObjectMeta: metav1.ObjectMeta{UID: uid}}
		result, err := phase.Run(t.Context(), counting, obj, &[]string{}, []phase.Phase[*[]string]{step(&ran, "a", "A", outcome)})
		g.Expect(err).NotTo(HaveOccurred())
		return result.RequeueAfter
	}
	g.Expect(after("x", conflict)).To(Equal(100 * time.Millisecond))
	g.Expect(after("x", conflict)).To(Equal(200 * time.Millisecond))
	g.Expect(after("y", conflict)).To(Equal(100*time.Millisecond), "of each object")
	for range 20 {
		after("x", conflict)
	}
	g.Expect(after("x", conflict)).To(Equal(time.Minute))
	g.Expect(after("x", phase.Done())).To(BeZero())
	g.Expect(after("x", conflict)).To(Equal(100*time.Millisecond), "in a row")
}

func TestWhatIsUndecidedKeepsWhatWasLastFound(t *testing.T) {
	g := NewWithT(t)
	obj := &infrav1.WorkspaceTemplateApply{}
	var ran []string
	for _, outcome := range []phase.Outcome{phase.Block("Bad", errBroken), phase.Undecided("Asking", "asking")} {
		_, err := phase.Run(t.Context(), reporter(nil), obj, &[]string{}, []phase.Phase[*[]string]{step(&ran, "a", "A", outcome)})
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(summary(obj)).To(Equal(map[string]string{"A": "False/Bad"}))
	}
}

func TestRunEmitsAnEventForEachTransitionOnly(t *testing.T) {
	g := NewWithT(t)
	recorder := events.NewFakeRecorder(10)
	obj := &infrav1.WorkspaceTemplateApply{}
	for _, outcome := range []phase.Outcome{
		phase.Wait("NotYet", "later", 0), phase.Wait("NotYet", "later", 0),
		phase.Block("Bad", errBroken), phase.Block("Bad", errBroken),
		phase.Done(), phase.Done(),
	} {
		var ran []string
		_, err := phase.Run(t.Context(), reporter(recorder), obj, &[]string{}, []phase.Phase[*[]string]{step(&ran, "a", "A", outcome)})
		g.Expect(err).NotTo(HaveOccurred())
	}
	g.Expect(all(recorder)).To(Equal([]string{"Normal NotYet later", "Warning Bad the disk is on fire", "Normal A A is true"}))
}

func TestHowSomethingGoesOnIsNoEvent(t *testing.T) {
	g := NewWithT(t)
	recorder := events.NewFakeRecorder(10)
	told := phase.NewReporter("test", recorder)
	obj := &infrav1.WorkspaceTemplateApply{}
	for _, outcome := range []phase.Outcome{
		phase.Wait("Queued", "among the first 5", 0).InProgress(), phase.Wait("Queued", "first", 0).InProgress(),
		phase.Wait("Pending", "there is no pod", 0), phase.Wait("Pending", "there is no image", 0),
	} {
		var ran []string
		_, err := phase.Run(t.Context(), told, obj, &[]string{}, []phase.Phase[*[]string]{step(&ran, "a", "A", outcome)})
		g.Expect(err).NotTo(HaveOccurred())
	}
	g.Expect(conditions.GetMessage(obj, "A")).To(Equal("there is no image"))
	g.Expect(all(recorder)).To(Equal([]string{
		"Normal Queued among the first 5", "Normal Pending there is no pod", "Normal Pending there is no image",
	}))
}

func TestRunTellsAnObjectFromAStaleCacheNothingTwice(t *testing.T) {
	g := NewWithT(t)
	recorder := events.NewFakeRecorder(10)
	told := phase.NewReporter("test", recorder)
	for _, outcome := range []phase.Outcome{
		phase.Block("Bad", errBroken), phase.Block("Bad", errBroken), phase.Done(), phase.Block("Bad", errBroken),
	} {
		var ran []string
		// Each time the object is as before the first write.
		_, err := phase.Run(t.Context(), told, &infrav1.WorkspaceTemplateApply{}, &[]string{}, []phase.Phase[*[]string]{step(&ran, "a", "A", outcome)})
		g.Expect(err).NotTo(HaveOccurred())
	}
	g.Expect(recorder.Events).To(HaveLen(3))
}

func TestRunKeepsWhatWasLastFoundOfPhasesNotReached(t *testing.T) {
	g := NewWithT(t)
	obj := &infrav1.WorkspaceTemplateApply{}
	for _, outcome := range []phase.Outcome{phase.Done(), phase.Wait("NotYet", "later", 0)} {
		var ran []string
		_, err := phase.Run(t.Context(), reporter(nil), obj, &[]string{}, []phase.Phase[*[]string]{
			step(&ran, "a", "A", outcome), step(&ran, "b", "B", phase.Done()),
		})
		g.Expect(err).NotTo(HaveOccurred())
	}
	g.Expect(summary(obj)).To(Equal(map[string]string{"A": "False/NotYet", "B": "True/B"}))
}

type judged struct{ error }

func (judged) Reason() string { return "Judged" }

func TestBlockWithTakesTheReasonOfTheError(t *testing.T) {
	g := NewWithT(t)
	for err, want := range map[error]string{judged{errBroken}: "False/Judged", errBroken: "False/Otherwise"} {
		obj := &infrav1.WorkspaceTemplateApply{}
		var ran []string
		_, _ = phase.Run(t.Context(), reporter(nil), obj, &[]string{}, []phase.Phase[*[]string]{step(&ran, "a", "A", phase.BlockWith(err, "Otherwise"))})
		g.Expect(summary(obj)).To(HaveKeyWithValue("A", want))
	}
}

func reporter(recorder *events.FakeRecorder) phase.Reporter {
	if recorder == nil {
		recorder = events.NewFakeRecorder(10)
	}
	return phase.Reporter{Controller: "test", Recorder: recorder}
}

// all are the events that there were.
func all(recorder *events.FakeRecorder) []string {
	close(recorder.Events)
	var got []string
	for event := range recorder.Events {
		got = append(got, event)
	}
	return got
}

func summary(obj conditions.Getter) map[string]string {
	all := map[string]string{}
	for _, condition := range obj.GetConditions() {
		all[condition.Type] = string(condition.Status) + "/" + condition.Reason
	}
	return all
}
