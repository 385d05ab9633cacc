package workspace

import (
	"errors"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine"
)

// added is a drift of one resource that is gone.
var added = engine.Drift{Plan: &infrav1.PlanSummary{Add: ptr.To[int32](1)}, PlanText: "Secret w-reports, key drift.plan"}

func TestWhatIsKnownOfDriftIsShown(t *testing.T) {
	for name, tt := range map[string]struct {
		drift     engine.Drift
		err       error
		condition string
		message   string
		after     time.Duration
	}{
		"nothing is known":  {engine.Drift{}, nil, "Unknown/NotChecked", "the first check has not ended yet", 0},
		"none":              {engine.Drift{Plan: &infrav1.PlanSummary{}, CheckAfter: time.Hour}, nil, "False/NoDrift", "nothing is to be changed", time.Hour},
		"some":              {added, nil, "True/DriftFound", "to undo what somebody else has changed: 1 to add, 0 to change, 0 to destroy, 0 to replace; read it in Secret w-reports, key drift.plan", 0},
		"the check failed":  {engine.Drift{Failure: &engine.Failure{Reason: "PlanFailed", Message: "no access"}, CheckAfter: time.Minute}, nil, "Unknown/DriftCheckFailed", "the last check failed (PlanFailed) and will be tried again: no access", time.Minute},
		"it was not looked": {engine.Drift{}, errors.New("the API server refuses"), "Unknown/DriftCheckFailed", "the API server refuses", 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.template(nil)
			w.upToDate("{}")
			w.reconcile()
			w.engine.drift, w.engine.checkErr = tt.drift, tt.err
			w.engine.questions()
			result, err := w.tryReconcile()
			w.Expect(err != nil).To(Equal(tt.err != nil))
			w.Expect(result).To(Equal(ctrl.Result{RequeueAfter: tt.after}))
			w.Expect(w.engine.questions()).To(Equal([]string{"apply", "check"}))
			w.Expect(w.conditions()).To(And(
				HaveKeyWithValue("Drifted", tt.condition), HaveKeyWithValue("Ready", "True/Ready"), HaveKeyWithValue("OutputsStored", "True/OutputsStored")))
			w.Expect(w.message("Drifted")).To(Equal(tt.message))
		})
	}
}

func TestWhatIsNotUpToDateIsNotChecked(t *testing.T) {
	w := newWorld(t, nil)
	w.template(nil)
	w.upToDate("{}")
	w.engine.drift = added
	w.reconcile()
	w.Expect(w.conditions()).To(HaveKeyWithValue("Drifted", "True/DriftFound"))
	for _, state := range []engine.State{engine.Running, engine.Failed, engine.AwaitingApproval, engine.Suspended} {
		w.engine.observation.State = state
		w.engine.observation.Failure = &engine.Failure{Reason: "ApplyFailed", Message: "it broke"}
		w.engine.questions()
		w.reconcile()
		w.Expect(w.engine.questions()).To(Equal([]string{"apply"}))
		w.Expect(w.conditions()).To(HaveKeyWithValue("Drifted", "True/DriftFound"), "what was found is true until it is mended")
	}
}

func TestAWorkspaceWithoutInputsIsNotChecked(t *testing.T) {
	w := newWorld(t, nil)
	w.upToDate("{}")
	w.reconcile()
	w.Expect(w.engine.questions()).To(BeEmpty())
	w.Expect(w.conditions()).To(HaveKeyWithValue("Drifted", "Unknown/NotChecked"))
}

func TestDriftThatIsIgnored(t *testing.T) {
	w := newWorld(t, nil)
	w.template(nil)
	w.upToDate("{}")
	w.engine.drift = added
	w.reconcile()
	w.change(func(workspace *infrav1.WorkspaceTemplateApply) { workspace.Spec.Drift.Mode = infrav1.DriftIgnore })
	w.engine.questions()
	w.reconcile()
	w.Expect(w.engine.questions()).To(Equal([]string{"apply"}))
	w.Expect(w.conditions()).To(HaveKeyWithValue("Drifted", "Unknown/NotChecked"), "whatever was found before")
}

func TestNothingIsCheckedThatADependentIsTakenFrom(t *testing.T) {
	w := newWorld(t, nil)
	w.template(nil)
	w.upToDate("{}")
	dependent := w.dependent("x", "w")
	dependent.Finalizers = []string{"test.capt/held"}
	w.update(dependent)
	w.reconcile()
	w.Expect(w.engine.questions()).To(Equal([]string{"apply", "check"}))
	w.delete(dependent)
	w.reconcile()
	w.Expect(w.engine.questions()).To(Equal([]string{"apply"}))
	w.Expect(env.Client.Get(t.Context(), w.key("x"), dependent)).To(Succeed())
	dependent.Finalizers = nil
	w.update(dependent)
	w.reconcile()
	w.Expect(w.engine.questions()).To(Equal([]string{"apply", "check"}))
}

func TestACheckThatIsAwaitedIsNotTheLastRun(t *testing.T) {
	w := newWorld(t, nil)
	w.template(nil)
	w.upToDate("{}")
	w.reconcile()
	w.engine.observation.State, w.engine.observation.Run, w.engine.observation.Operation = engine.Running, "w-2", infrav1.OperationPlan
	w.reconcile()
	w.Expect(w.workspace().Status.LastRun).To(Equal("w-1"))
	w.Expect(w.message("Applied")).To(Equal("run w-2 (Plan) is under way"))
}

func TestNothingIsUndoneWhileADependentIsBeingDeleted(t *testing.T) {
	w := newWorld(t, func(workspace *infrav1.WorkspaceTemplateApply) { workspace.Spec.Drift.Mode = infrav1.DriftRemediate })
	w.template(nil)
	w.upToDate("{}")
	other := w.dependent("x", "w")
	w.reconcile()
	w.Expect(w.engine.mode).To(Equal(infrav1.DriftRemediate))
	other.Finalizers = []string{"test.capt/held"}
	w.update(other)
	w.delete(other)
	w.reconcile()
	w.Expect(w.engine.mode).To(Equal(infrav1.DriftReport))
	w.Expect(env.Client.Get(t.Context(), w.key("x"), other)).To(Succeed())
	other.Finalizers = nil
	w.update(other)
	w.reconcile()
	w.Expect(w.engine.mode).To(Equal(infrav1.DriftRemediate))
}
