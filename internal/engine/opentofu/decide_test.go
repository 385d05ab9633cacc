package opentofu

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/runner"
)

// noon is the present of the tests.
var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// past is a run that ended, or not, at noon.
type past struct {
	operation infrav1.Operation
	digest    string
	attempt   int32
	phase     infrav1.RunPhase
	kind      infrav1.FailureKind
	request   string
}

func (p past) run() *infrav1.WorkspaceRun {
	return &infrav1.WorkspaceRun{
		Spec: infrav1.WorkspaceRunSpec{
			Operation: p.operation, Attempt: p.attempt, InputsRef: infrav1.InputsReference{Digest: p.digest}, ApplyRequest: p.request,
		},
		Status: infrav1.WorkspaceRunStatus{Phase: p.phase, FailureKind: p.kind, CompletionTime: metav1.NewTime(noon)},
	}
}

const (
	applying   = infrav1.OperationApply
	destroying = infrav1.OperationDestroy
	transient  = infrav1.FailureTransient
	config     = infrav1.FailureConfiguration
)

func TestDecideApply(t *testing.T) {
	tests := map[string]struct {
		latest  *past
		applied string
		elapsed time.Duration
		want    decision
	}{
		"nothing has ever run":            {want: decision{action: start, attempt: 1}},
		"the runs are gone, not the rest": {applied: "A", want: decision{action: nothing}},
		"made from others, runs gone":     {applied: "B", want: decision{action: start, attempt: 1}},
		"not started":                     {latest: &past{applying, "A", 1, "", "", ""}, want: decision{action: await}},
		"running":                         {latest: &past{applying, "A", 1, infrav1.RunRunning, "", ""}, want: decision{action: await}},
		"running with others":             {latest: &past{applying, "B", 1, infrav1.RunRunning, "", ""}, applied: "A", want: decision{action: await}},
		"up to date":                      {latest: &past{applying, "A", 3, infrav1.RunSucceeded, "", ""}, applied: "A", want: decision{action: nothing}},
		"changed":                         {latest: &past{applying, "B", 3, infrav1.RunSucceeded, "", ""}, applied: "B", want: decision{action: start, attempt: 1}},
		"changed and back after a failure": {
			latest: &past{applying, "B", 1, infrav1.RunFailed, config, ""}, applied: "A", want: decision{action: start, attempt: 1}},
		"changed after a failure that may pass": {
			latest: &past{applying, "B", 9, infrav1.RunFailed, transient, ""}, want: decision{action: start, attempt: 1}},
		"the way back failed": {
			latest: &past{applying, "A", 1, infrav1.RunFailed, transient, ""}, applied: "A",
			want: decision{action: retryLater, attempt: 2, wait: 30 * time.Second}},
		"the way back was lost": {
			latest: &past{applying, "A", 1, infrav1.RunLost, transient, ""}, applied: "A", want: decision{action: start, attempt: 2}},
		"the outputs are gone": {latest: &past{applying, "A", 1, infrav1.RunSucceeded, "", ""}, want: decision{action: start, attempt: 2}},
		"the outputs are gone again": {
			latest: &past{applying, "A", 2, infrav1.RunSucceeded, "", ""}, want: decision{action: retryLater, attempt: 3, wait: time.Minute}},
		"after a destroy":      {latest: &past{destroying, "A", 1, infrav1.RunSucceeded, "", ""}, applied: "A", want: decision{action: start, attempt: 1}},
		"failed by its inputs": {latest: &past{applying, "A", 1, infrav1.RunFailed, config, ""}, elapsed: 24 * time.Hour, want: decision{action: giveUp}},
		"failed just now":      {latest: &past{applying, "A", 1, infrav1.RunFailed, transient, ""}, want: decision{action: retryLater, attempt: 2, wait: 30 * time.Second}},
		"failed a while ago": {
			latest: &past{applying, "A", 2, infrav1.RunFailed, transient, ""}, elapsed: 20 * time.Second,
			want: decision{action: retryLater, attempt: 3, wait: 40 * time.Second}},
		"failed long ago": {latest: &past{applying, "A", 2, infrav1.RunFailed, transient, ""}, elapsed: time.Minute, want: decision{action: start, attempt: 3}},
		"awaits approval": {latest: &past{applying, "A", 1, infrav1.RunAwaitingApproval, "", ""}, elapsed: 24 * time.Hour, want: decision{action: ask}},
		"awaits approval with others": {
			latest: &past{applying, "B", 1, infrav1.RunAwaitingApproval, "", ""}, want: decision{action: start, attempt: 1}},
		"cancelled":             {latest: &past{applying, "A", 1, infrav1.RunCancelled, "", ""}, elapsed: 24 * time.Hour, want: decision{action: giveUp}},
		"cancelled with others": {latest: &past{applying, "B", 1, infrav1.RunCancelled, "", ""}, want: decision{action: start, attempt: 1}},
		"lost":                  {latest: &past{applying, "A", 1, infrav1.RunLost, transient, ""}, want: decision{action: start, attempt: 2}},
		"lost again":            {latest: &past{applying, "A", 2, infrav1.RunLost, transient, ""}, want: decision{action: retryLater, attempt: 3, wait: time.Minute}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var latest *infrav1.WorkspaceRun
			if tt.latest != nil {
				latest = tt.latest.run()
			}
			NewWithT(t).Expect(decideApply(target{digest: "A"}, target{digest: tt.applied}, latest, false, noon.Add(tt.elapsed))).To(Equal(tt.want))
		})
	}
}

func TestDecideApplyAgain(t *testing.T) {
	succeeded := func(request string) *past { return &past{applying, "A", 1, infrav1.RunSucceeded, "", request} }
	tests := map[string]struct {
		wanted  string
		applied target
		latest  *past
		want    decision
	}{
		"asked for the first time":                     {"r1", target{"A", ""}, succeeded(""), decision{action: start, attempt: 1}},
		"complied with":                                {"r1", target{"A", "r1"}, succeeded("r1"), decision{action: nothing}},
		"asked once more":                              {"r2", target{"A", "r1"}, succeeded("r1"), decision{action: start, attempt: 1}},
		"nobody asks any more":                         {"", target{"A", "r1"}, succeeded("r1"), decision{action: nothing}},
		"complied with, runs gone":                     {"r1", target{"A", "r1"}, nil, decision{action: nothing}},
		"not complied with":                            {"r1", target{"A", ""}, nil, decision{action: start, attempt: 1}},
		"under way":                                    {"r2", target{"A", ""}, &past{applying, "A", 1, infrav1.RunRunning, "", "r1"}, decision{action: await}},
		"asked again after a cancellation":             {"r2", target{"A", ""}, &past{applying, "A", 1, infrav1.RunCancelled, "", "r1"}, decision{action: start, attempt: 1}},
		"asked again instead of an approval":           {"r2", target{"A", ""}, &past{applying, "A", 1, infrav1.RunAwaitingApproval, "", "r1"}, decision{action: start, attempt: 1}},
		"asked again after a failure":                  {"r2", target{"A", ""}, &past{applying, "A", 5, infrav1.RunFailed, config, "r1"}, decision{action: start, attempt: 1}},
		"failed by its inputs":                         {"r1", target{"A", ""}, &past{applying, "A", 1, infrav1.RunFailed, config, "r1"}, decision{action: giveUp}},
		"not stored by a runner that knew no requests": {"r1", target{"A", ""}, succeeded("r1"), decision{action: nothing}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var latest *infrav1.WorkspaceRun
			if tt.latest != nil {
				latest = tt.latest.run()
			}
			NewWithT(t).Expect(decideApply(target{"A", tt.wanted}, tt.applied, latest, false, noon)).To(Equal(tt.want))
		})
	}
}

func TestDecideDestroy(t *testing.T) {
	tests := map[string]struct {
		latest  *past
		digests []string
		elapsed time.Duration
		want    decision
		with    string
	}{
		"no run left":                 {digests: []string{"A"}, want: decision{action: start, attempt: 1}, with: "A"},
		"after an apply":              {latest: &past{applying, "B", 4, infrav1.RunFailed, config, ""}, digests: []string{"A", "B"}, want: decision{action: start, attempt: 1}, with: "A"},
		"an apply is under way":       {latest: &past{applying, "A", 1, infrav1.RunRunning, "", ""}, digests: []string{"A"}, want: decision{action: await}},
		"a destroy is under way":      {latest: &past{destroying, "A", 1, infrav1.RunRunning, "", ""}, digests: []string{"A"}, want: decision{action: await}},
		"awaited also without inputs": {latest: &past{destroying, "A", 1, infrav1.RunRunning, "", ""}, want: decision{action: await}},
		"no inputs":                   {latest: &past{applying, "A", 1, infrav1.RunSucceeded, "", ""}, want: decision{action: giveUp}},
		"cancelled":                   {latest: &past{destroying, "A", 1, infrav1.RunCancelled, "", ""}, digests: []string{"A"}, want: decision{action: retryLater, attempt: 2, wait: 30 * time.Second}, with: "A"},
		"after a plan to be approved": {latest: &past{applying, "A", 1, infrav1.RunAwaitingApproval, "", ""}, digests: []string{"A"}, want: decision{action: start, attempt: 1}, with: "A"},
		"failed with the first":       {latest: &past{destroying, "A", 1, infrav1.RunFailed, config, ""}, digests: []string{"A", "B"}, want: decision{action: start, attempt: 2}, with: "B"},
		"failed with the last": {
			latest: &past{destroying, "B", 2, infrav1.RunFailed, config, ""}, digests: []string{"A", "B"},
			want: decision{action: retryLater, attempt: 3, wait: time.Minute}, with: "A"},
		"failed with all, long ago": {
			latest: &past{destroying, "B", 2, infrav1.RunFailed, config, ""}, digests: []string{"A", "B"}, elapsed: time.Minute,
			want: decision{action: start, attempt: 3}, with: "A"},
		"failed with the only ones": {
			latest: &past{destroying, "A", 1, infrav1.RunFailed, config, ""}, digests: []string{"A"},
			want: decision{action: retryLater, attempt: 2, wait: 30 * time.Second}, with: "A"},
		"failed with inputs that are gone": {
			latest: &past{destroying, "C", 1, infrav1.RunFailed, transient, ""}, digests: []string{"A", "B"},
			want: decision{action: retryLater, attempt: 2, wait: 30 * time.Second}, with: "A"},
		"ended well, yet resources are left": {
			latest: &past{destroying, "A", 1, infrav1.RunSucceeded, "", ""}, digests: []string{"A", "B"},
			want: decision{action: retryLater, attempt: 2, wait: 30 * time.Second}, with: "A"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var latest *infrav1.WorkspaceRun
			if tt.latest != nil {
				latest = tt.latest.run()
			}
			got, with := decideDestroy(tt.digests, latest, false, noon.Add(tt.elapsed))
			NewWithT(t).Expect(got).To(Equal(tt.want))
			NewWithT(t).Expect(with).To(Equal(tt.with))
		})
	}
}

func TestNewTermsCount(t *testing.T) {
	for name, tt := range map[string]struct {
		latest past
		want   decision
	}{
		"for what awaits approval":       {past{applying, "A", 4, infrav1.RunAwaitingApproval, "", ""}, decision{action: start, attempt: 1}},
		"for what waits for a change":    {past{applying, "A", 4, infrav1.RunFailed, config, ""}, decision{action: start, attempt: 1}},
		"for what was cancelled":         {past{applying, "A", 4, infrav1.RunCancelled, "", ""}, decision{action: start, attempt: 1}},
		"not for what is tried again":    {past{applying, "A", 1, infrav1.RunFailed, transient, ""}, decision{action: retryLater, attempt: 2, wait: 30 * time.Second}},
		"not for what is under way":      {past{applying, "A", 1, infrav1.RunRunning, "", ""}, decision{action: await}},
		"not for what has ended already": {past{applying, "A", 1, infrav1.RunSucceeded, "", ""}, decision{action: nothing}},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(decideApply(target{digest: "A"}, target{digest: "A"}, tt.latest.run(), true, noon)).To(Equal(tt.want))
		})
	}
}

func TestWhatIsProtectedIsNotDestroyed(t *testing.T) {
	g := NewWithT(t)
	latest := past{destroying, "A", 1, infrav1.RunFailed, config, ""}.run()
	latest.Status.Reason = runner.ReasonProtectedResource
	got, _ := decideDestroy([]string{"A", "B"}, latest, false, noon.Add(24*time.Hour))
	g.Expect(got).To(Equal(decision{action: giveUp}), "not with other inputs either")
	got, with := decideDestroy([]string{"A", "B"}, latest, true, noon)
	g.Expect(got).To(Equal(decision{action: start, attempt: 1}))
	g.Expect(with).To(Equal("A"))
}

func TestBackOff(t *testing.T) {
	for attempt, want := range map[int32]time.Duration{
		1: 30 * time.Second, 2: time.Minute, 3: 2 * time.Minute, 7: 32 * time.Minute, 8: time.Hour, 9: time.Hour, 1 << 30: time.Hour,
	} {
		NewWithT(t).Expect(backOff(attempt)).To(Equal(want), "attempt %d", attempt)
	}
}
