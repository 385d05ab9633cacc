package opentofu

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine"
	"github.com/captproject/capt/internal/runner"
)

const planning = infrav1.OperationPlan

func TestDecideCheck(t *testing.T) {
	applied := &past{applying, "A", 1, infrav1.RunSucceeded, "", ""}
	due := decision{action: start, attempt: 1}
	after := func(wait time.Duration) decision { return decision{action: retryLater, attempt: 1, wait: wait} }
	tests := map[string]struct {
		latest  *past
		check   *past
		elapsed time.Duration
		want    decision
	}{
		"the runs are gone":           {want: due},
		"just applied":                {latest: applied, want: after(time.Hour)},
		"applied a while ago":         {latest: applied, elapsed: 59 * time.Minute, want: after(time.Minute)},
		"applied long ago":            {latest: applied, elapsed: time.Hour, want: due},
		"not begun":                   {latest: applied, check: &past{planning, "A", 1, infrav1.RunPending, "", ""}, elapsed: 24 * time.Hour, want: decision{action: await}},
		"under way":                   {latest: applied, check: &past{planning, "A", 1, infrav1.RunRunning, "", ""}, want: decision{action: await}},
		"just checked":                {latest: applied, check: &past{planning, "A", 3, infrav1.RunSucceeded, "", ""}, want: after(time.Hour)},
		"checked long ago":            {latest: applied, check: &past{planning, "A", 3, infrav1.RunSucceeded, "", ""}, elapsed: time.Hour, want: due},
		"cancelled":                   {latest: applied, check: &past{planning, "A", 1, infrav1.RunCancelled, "", ""}, want: after(time.Hour)},
		"failed, may pass":            {latest: applied, check: &past{planning, "A", 2, infrav1.RunFailed, transient, ""}, want: decision{action: retryLater, attempt: 3, wait: time.Minute}},
		"failed, may have passed":     {latest: applied, check: &past{planning, "A", 2, infrav1.RunFailed, transient, ""}, elapsed: time.Minute, want: decision{action: start, attempt: 3}},
		"failed by its inputs":        {latest: applied, check: &past{planning, "A", 2, infrav1.RunFailed, config, ""}, want: after(time.Hour)},
		"failed by them, long ago":    {latest: applied, check: &past{planning, "A", 2, infrav1.RunFailed, config, ""}, elapsed: time.Hour, want: due},
		"lost":                        {latest: applied, check: &past{planning, "A", 1, infrav1.RunLost, transient, ""}, want: decision{action: start, attempt: 2}},
		"lost again":                  {latest: applied, check: &past{planning, "A", 2, infrav1.RunLost, transient, ""}, want: decision{action: retryLater, attempt: 3, wait: time.Minute}},
		"checked after the runs went": {check: &past{planning, "A", 1, infrav1.RunSucceeded, "", ""}, want: after(time.Hour)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var latest *infrav1.WorkspaceRun
			var checks []infrav1.WorkspaceRun
			if tt.latest != nil {
				latest = tt.latest.run()
			}
			if tt.check != nil {
				checks = append(checks, *tt.check.run())
			}
			NewWithT(t).Expect(decideCheck(latest, checks, time.Hour, noon.Add(tt.elapsed))).To(Equal(tt.want))
		})
	}
}

func TestWhenAWorkspaceIsChecked(t *testing.T) {
	g := NewWithT(t)
	workspace := &infrav1.WorkspaceTemplateApply{ObjectMeta: metav1.ObjectMeta{UID: "a"}}
	g.Expect(interval(workspace)).To(And(BeNumerically(">=", time.Hour), BeNumerically("<=", 66*time.Minute)))
	workspace.Spec.Drift.Interval = &metav1.Duration{Duration: 10 * time.Minute}
	seen := map[time.Duration]bool{}
	for _, uid := range []types.UID{"a", "b", "c", "d"} {
		workspace.UID = uid
		every := interval(workspace)
		g.Expect(every).To(And(BeNumerically(">=", 10*time.Minute), BeNumerically("<=", 11*time.Minute)))
		g.Expect(interval(workspace)).To(Equal(every), "the same each time")
		seen[every] = true
	}
	g.Expect(seen).To(HaveLen(4))
}

// check asks for a check of what was made from the text.
func (w *world) check(text string) engine.Drift {
	drift, err := w.engine.Check(context.Background(), w.workspace, ptr.To(inputsOf(text)))
	w.Expect(err).NotTo(HaveOccurred())
	return drift
}

// later lets so much time pass that whatever is due by the clock is.
func (w *world) later() { w.now = w.now.Add(2 * time.Hour) }

// find has a check end well, with a resource that is to be made again.
func (w *world) find(name string) {
	w.end(name, infrav1.WorkspaceRunStatus{Phase: infrav1.RunSucceeded, Plan: infrav1.PlanSummary{Add: ptr.To[int32](1), Digest: someDigest}})
}

// findNothing has a check end well; outputs that differ are no drift.
func (w *world) findNothing(name string) {
	w.end(name, infrav1.WorkspaceRunStatus{Phase: infrav1.RunSucceeded, Plan: infrav1.PlanSummary{Add: ptr.To[int32](0), Digest: someDigest}})
}

// applied is a world with a workspace that is as it is wanted, of which nothing has
// changed for a while.
func applied(t *testing.T, mode infrav1.DriftMode) *world {
	w := newWorld(t)
	w.want(func(spec *infrav1.WorkspaceTemplateApplySpec) { spec.Drift.Mode = mode })
	w.apply("A")
	w.succeed("w-1")
	w.Expect(w.check("A").CheckAfter).To(And(BeNumerically(">=", time.Hour), BeNumerically("<=", 66*time.Minute)))
	w.Expect(w.runs()).To(ConsistOf("w-1"))
	w.later()
	return w
}

func TestACheckIsARunOfItsOwn(t *testing.T) {
	w := applied(t, infrav1.DriftReport)
	w.Expect(w.check("A")).To(Equal(engine.Drift{Plan: &infrav1.PlanSummary{}}), "as the apply has left it")
	w.Expect(w.run("w-2").Spec).To(Equal(infrav1.WorkspaceRunSpec{
		ApplyName: "w", Operation: planning, Attempt: 1,
		InputsRef: infrav1.InputsReference{Name: nameOf("A"), Digest: inputsOf("A").Digest},
	}))
	w.check("A")
	w.Expect(w.runs()).To(ConsistOf("w-1", "w-2"))

	w.find("w-2")
	before := w.apply("A")
	w.Expect(before).To(Equal(withOutputs(engine.Observation{State: engine.UpToDate, Run: "w-1", Operation: applying})), "it is only reported")
	observation, err := w.engine.Apply(t.Context(), w.workspace, ptr.To(inputsOf("A")))
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(observation.Plan.Digest).To(BeEmpty(), "the plan of the apply is shown")
	found := w.check("A")
	w.Expect(found.CheckAfter).NotTo(BeZero())
	found.CheckAfter = 0
	w.Expect(found).To(Equal(engine.Drift{
		Plan: &infrav1.PlanSummary{Add: ptr.To[int32](1), Digest: someDigest}, PlanText: "Secret w-reports, key drift.plan",
	}))

	w.later()
	w.Expect(w.check("A")).To(Equal(found), "until the next check has ended")
	w.findNothing("w-3")
	w.Expect(w.check("A").Plan.ChangesResources()).To(BeFalse())
	w.Expect(w.runs()).To(ConsistOf("w-1", "w-2", "w-3"))
	w.later()
	w.check("A")
	w.Expect(w.runs()).To(ConsistOf("w-1", "w-3", "w-4"), "the last one and the one before it")
}

func TestACheckThatFailed(t *testing.T) {
	w := applied(t, infrav1.DriftRemediate)
	w.check("A")
	w.fail("w-2", transient, "PlanFailed")
	w.Expect(w.check("A")).To(Equal(engine.Drift{
		Failure: &engine.Failure{Reason: "PlanFailed", Message: "it broke", RetryAfter: 30 * time.Second}, CheckAfter: 30 * time.Second,
	}))
	w.Expect(w.apply("A").State).To(Equal(engine.UpToDate))
	w.later()
	w.Expect(w.check("A").Failure).NotTo(BeNil(), "until the next one has ended")
	w.Expect(w.run("w-3").Spec.Attempt).To(BeEquivalentTo(2))
	w.end("w-3", infrav1.WorkspaceRunStatus{Phase: infrav1.RunCancelled})
	w.Expect(w.check("A").Failure).NotTo(BeNil(), "a person has ended it")
	w.later()
	w.check("A")
	w.Expect(w.run("w-4").Spec.Attempt).To(BeEquivalentTo(1))
}

func TestNothingIsCheckedWhileSuspended(t *testing.T) {
	w := applied(t, infrav1.DriftRemediate)
	suspend := func(on bool) {
		w.want(func(spec *infrav1.WorkspaceTemplateApplySpec) { spec.Suspend = &on })
	}
	suspend(true)
	w.check("A")
	w.Expect(w.runs()).To(ConsistOf("w-1"))
	suspend(false)
	w.check("A")
	w.find("w-2")
	suspend(true)
	w.Expect(w.apply("A").State).To(Equal(engine.UpToDate), "nor is anything remediated")
	suspend(false)
	w.Expect(w.apply("A").State).To(Equal(engine.Running))
}

func TestDriftIsRemediatedOncePerCheck(t *testing.T) {
	w := applied(t, infrav1.DriftRemediate)
	w.check("A")
	w.Expect(w.apply("A").State).To(Equal(engine.UpToDate), "it is under way")
	w.find("w-2")
	remediating := withOutputs(running("w-3", applying))
	remediating.Refreshing = true
	w.Expect(w.apply("A")).To(Equal(remediating))
	w.Expect(w.run("w-3").Spec.Attempt).To(BeEquivalentTo(1))
	w.succeed("w-3")
	w.Expect(w.apply("A").State).To(Equal(engine.UpToDate))
	drift := w.check("A")
	w.Expect(drift.Plan).To(Equal(&infrav1.PlanSummary{}), "what was found before is mended")
	w.Expect(drift.CheckAfter).To(BeNumerically(">=", time.Hour))

	// A module that never agrees with itself.
	w.later()
	w.check("A")
	w.find("w-4")
	w.Expect(w.apply("A").Run).To(Equal("w-5"))
}

func TestARemediationThatIsNotCarriedOutIsNotRepeated(t *testing.T) {
	for name, tt := range map[string]struct {
		status infrav1.WorkspaceRunStatus
		state  engine.State
		runs   int
	}{
		"because it is to be approved":       {infrav1.WorkspaceRunStatus{Phase: infrav1.RunAwaitingApproval}, engine.AwaitingApproval, 3},
		"because it is refused":              {infrav1.WorkspaceRunStatus{Phase: infrav1.RunFailed, FailureKind: config, Reason: runner.ReasonProtectedResource}, engine.Failed, 3},
		"because it was cancelled":           {infrav1.WorkspaceRunStatus{Phase: infrav1.RunCancelled}, engine.Failed, 3},
		"but for a failure that may pass by": {infrav1.WorkspaceRunStatus{Phase: infrav1.RunFailed, FailureKind: transient}, engine.Running, 4},
	} {
		t.Run(name, func(t *testing.T) {
			w := applied(t, infrav1.DriftRemediate)
			w.check("A")
			w.find("w-2")
			w.apply("A")
			w.end("w-3", tt.status)
			w.later()
			w.Expect(w.apply("A").State).To(Equal(tt.state))
			w.Expect(w.runs()).To(HaveLen(tt.runs))
		})
	}
}

func TestACheckGivesWay(t *testing.T) {
	cancelled := func(w *world) bool { return ptr.Deref(w.run("w-2").Spec.Cancel, false) }
	w := applied(t, infrav1.DriftReport)
	w.check("A")
	w.apply("A")
	w.Expect(cancelled(w)).To(BeFalse())
	for range 2 {
		w.Expect(w.apply("B")).To(Equal(withOutputs(running("w-2", planning))))
		w.Expect(cancelled(w)).To(BeTrue())
	}
	w.Expect(w.runs()).To(ConsistOf("w-1", "w-2"), "never two at once")
	w.end("w-2", infrav1.WorkspaceRunStatus{Phase: infrav1.RunCancelled})
	w.Expect(w.apply("B")).To(Equal(withOutputs(running("w-3", applying))))

	for name, remove := range map[string]func(*world) engine.Observation{
		"to a deletion": func(w *world) engine.Observation { return w.destroy("A") },
		"to a release":  (*world).release,
	} {
		t.Run(name, func(t *testing.T) {
			w := applied(t, infrav1.DriftReport)
			w.keepState(oneResource)
			w.check("A")
			w.Expect(remove(w)).To(Equal(running("w-2", planning)))
			w.Expect(cancelled(w)).To(BeTrue())
			w.end("w-2", infrav1.WorkspaceRunStatus{Phase: infrav1.RunCancelled})
			w.Expect(remove(w).State).To(Equal(engine.Running))
			w.Expect(w.runs()).NotTo(ContainElement("w-4"))
		})
	}
}

func TestACheckGivesWayToARequest(t *testing.T) {
	w := applied(t, infrav1.DriftReport)
	w.check("A")
	metav1.SetMetaDataAnnotation(&w.workspace.ObjectMeta, infrav1.ApplyRequestAnnotation, "now")
	refreshing := withOutputs(running("w-2", planning))
	refreshing.Refreshing = true
	w.Expect(w.apply("A")).To(Equal(refreshing))
}

// What is decided by the latest change is not by a check after it.
func TestChecksHideNothing(t *testing.T) {
	t.Run("that a state is on disk only", func(t *testing.T) {
		w := newWorld(t)
		w.apply("A")
		w.fail("w-1", config, runner.ReasonStateNotSaved)
		w.Expect(w.engine.startCheck(t.Context(), w.workspace, inputsOf("A"), []infrav1.WorkspaceRun{*w.run("w-1")}, 1)).To(Succeed())
		w.findNothing("w-2")
		w.Expect(w.destroy("A").Failure.Reason).To(Equal(runner.ReasonStateNotSaved))
	})
	t.Run("that something may be tainted", func(t *testing.T) {
		w := newWorld(t)
		w.apply("A")
		w.end("w-1", infrav1.WorkspaceRunStatus{Phase: infrav1.RunCancelled})
		w.Expect(w.engine.startCheck(t.Context(), w.workspace, inputsOf("A"), []infrav1.WorkspaceRun{*w.run("w-1")}, 1)).To(Succeed())
		w.findNothing("w-2")
		w.apply("B")
		w.Expect(w.run("w-3").Spec.GuardTainted).To(HaveValue(BeTrue()))
	})
	t.Run("which runs there were", func(t *testing.T) {
		w := applied(t, infrav1.DriftReport)
		for range 8 {
			w.check("A")
			names := w.runs()
			w.findNothing(names[len(names)-1])
			w.later()
		}
		w.Expect(w.runs()).To(ConsistOf("w-1", "w-8", "w-9"))
		w.Expect(w.apply("B").Run).To(Equal("w-10"))
		w.Expect(w.runs()).To(ConsistOf("w-1", "w-9", "w-10"))
	})
}
