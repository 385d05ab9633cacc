package opentofu

import (
	"context"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine"
	"github.com/captproject/capt/internal/runner"
)

// want changes the spec of the workspace.
func (w *world) want(change func(*infrav1.WorkspaceTemplateApplySpec)) {
	change(&w.workspace.Spec)
	w.Expect(env.Client.Update(context.Background(), w.workspace)).To(Succeed())
}

var someDigest = strings.Repeat("d", 64)

func TestAnApprovalStartsARun(t *testing.T) {
	w := newWorld(t)
	protect := infrav1.Protection{Addresses: []string{`a.b["c"]`}, Types: []string{"d"}}
	w.want(func(spec *infrav1.WorkspaceTemplateApplySpec) {
		spec.Approval.Policy, spec.Protect = infrav1.ApprovalManual, protect
		spec.Timeout = &metav1.Duration{Duration: time.Hour}
	})
	w.apply("A")
	terms := infrav1.RunTerms{ApprovalPolicy: infrav1.ApprovalManual, Protect: protect, Timeout: &metav1.Duration{Duration: time.Hour}}
	w.Expect(w.run("w-1").Spec.RunTerms).To(Equal(terms))

	w.end("w-1", infrav1.WorkspaceRunStatus{Phase: infrav1.RunAwaitingApproval, Plan: infrav1.PlanSummary{Digest: someDigest}})
	w.now = w.now.Add(24 * time.Hour)
	w.Expect(w.apply("A")).To(Equal(engine.Observation{
		State: engine.AwaitingApproval, Run: "w-1", Operation: applying, PlanText: "Secret w-reports, key w-1.plan",
	}))
	w.want(func(spec *infrav1.WorkspaceTemplateApplySpec) { spec.Approval.ApprovedPlan = someDigest })
	w.Expect(w.apply("A")).To(Equal(running("w-2", applying)))
	terms.ApprovedPlan = someDigest
	w.Expect(w.run("w-2").Spec.RunTerms).To(Equal(terms))
}

func TestWhatIsTaintedIsGuardedUntilASuccess(t *testing.T) {
	w := newWorld(t)
	guarded := func(run string) bool { return ptr.Deref(w.run(run).Spec.GuardTainted, false) }
	later := func() { w.now = w.now.Add(2 * time.Hour) }
	w.apply("A")
	w.fail("w-1", transient, "ApplyFailed")
	later()
	w.apply("A")
	w.Expect(guarded("w-2")).To(BeFalse(), "what failed by itself may be replaced")
	w.fail("w-2", transient, runner.ReasonInterrupted)
	later()
	w.apply("A")
	w.Expect(guarded("w-3")).To(BeTrue())
	w.fail("w-3", transient, "PlanFailed")
	later()
	w.apply("A")
	w.Expect(guarded("w-4")).To(BeTrue(), "it is handed on")
	w.succeed("w-4")
	w.apply("B")
	w.Expect(guarded("w-5")).To(BeFalse())
	w.end("w-5", infrav1.WorkspaceRunStatus{Phase: infrav1.RunCancelled, Reason: "Cancelled"})
	w.apply("A")
	w.Expect(guarded("w-6")).To(BeTrue())
}

func TestWhatAKilledRunMayHaveTaintedIsGuarded(t *testing.T) {
	for name, status := range map[string]infrav1.WorkspaceRunStatus{
		"lost":          {Phase: infrav1.RunLost, Reason: "Lost", FailureKind: transient},
		"evicted":       {Phase: infrav1.RunFailed, Reason: ReasonPodEvicted, FailureKind: transient},
		"out of memory": {Phase: infrav1.RunFailed, Reason: runner.ReasonOutOfMemory, FailureKind: transient},
		"timeout":       {Phase: infrav1.RunFailed, Reason: runner.ReasonTimeout, FailureKind: transient},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.apply("A")
			w.end("w-1", status)
			w.now = w.now.Add(2 * time.Hour)
			w.Expect(w.apply("A")).To(Equal(running("w-2", applying)), "it goes on by itself")
			w.Expect(w.run("w-2").Spec.GuardTainted).To(HaveValue(BeTrue()))
		})
	}
}

func TestNothingIsStartedWhileSuspended(t *testing.T) {
	w := newWorld(t)
	suspend := func(on bool) {
		w.want(func(spec *infrav1.WorkspaceTemplateApplySpec) { spec.Suspend = &on })
	}
	suspend(true)
	w.Expect(w.apply("A").State).To(Equal(engine.Suspended))
	w.Expect(w.runs()).To(BeEmpty())
	suspend(false)
	w.apply("A")
	suspend(true)
	w.Expect(w.apply("A").State).To(Equal(engine.Running), "what was begun goes on")
	w.succeed("w-1")
	w.Expect(w.apply("A").State).To(Equal(engine.UpToDate))
	w.Expect(w.apply("B")).To(And(HaveField("State", engine.Suspended), HaveField("Refreshing", false)))
	metav1.SetMetaDataAnnotation(&w.workspace.ObjectMeta, infrav1.ApplyRequestAnnotation, "now")
	w.Expect(w.apply("A")).To(And(HaveField("State", engine.Suspended), HaveField("Refreshing", true)))

	w.keepState(oneResource)
	w.Expect(w.destroy("A").State).To(Equal(engine.Suspended))
	w.Expect(w.runs()).To(Equal([]string{"w-1"}))
	suspend(false)
	w.Expect(w.destroy("A").State).To(Equal(engine.Running))
}

func TestACancelledRunIsNotRepeated(t *testing.T) {
	w := newWorld(t)
	w.apply("A")
	w.end("w-1", infrav1.WorkspaceRunStatus{Phase: infrav1.RunCancelled, Reason: "Cancelled", Message: "stopped"})
	w.now = w.now.Add(24 * time.Hour)
	w.Expect(w.apply("A")).To(Equal(failed("w-1", applying, engine.Failure{
		Reason: "Cancelled", Message: "run w-1 was cancelled; a change of the inputs, or the annotation infrastructure.cluster.x-k8s.io/apply-requested-at, starts a new one",
	})))
	w.Expect(w.apply("B")).To(Equal(running("w-2", applying)))
}

func TestAProtectedResourceKeepsTheWorkspace(t *testing.T) {
	w := newWorld(t)
	w.want(func(spec *infrav1.WorkspaceTemplateApplySpec) {
		spec.Protect = infrav1.Protection{Types: []string{"x"}}
	})
	w.apply("A")
	w.succeed("w-1")
	w.keepState(oneResource)
	w.Expect(w.destroy("B")).To(Equal(running("w-2", destroying)))
	w.fail("w-2", config, runner.ReasonProtectedResource)
	w.now = w.now.Add(24 * time.Hour)
	w.Expect(w.destroy("B")).To(Equal(failed("w-2", destroying, engine.Failure{Reason: "ProtectedResource", Message: "run w-2 failed: it broke"})))
	w.want(func(spec *infrav1.WorkspaceTemplateApplySpec) { spec.Protect = infrav1.Protection{} })
	w.Expect(w.destroy("B")).To(Equal(running("w-3", destroying)))
	w.Expect(w.run("w-3").Spec.Protect).To(BeZero())
}
