package workspace

import (
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine"
)

func TestPaths(t *testing.T) {
	g := graph{
		"vpc": nil, "cluster": {"vpc", "dns"}, "dns": {"vpc"}, "addons": {"missing", "cluster"},
		"a": {"b"}, "b": {"vpc", "c"}, "c": {"a"}, "self": {"self"}, "onACycle": {"a"},
	}
	for name, tt := range map[string]struct {
		from, to string
		want     []string
	}{
		"there is none":            {"vpc", "cluster", nil},
		"one step":                 {"cluster", "vpc", []string{"cluster", "vpc"}},
		"two steps":                {"addons", "vpc", []string{"addons", "cluster", "vpc"}},
		"to what is not there":     {"addons", "missing", []string{"addons", "missing"}},
		"from what is not there":   {"missing", "vpc", nil},
		"no cycle":                 {"addons", "addons", nil},
		"a cycle":                  {"a", "a", []string{"a", "b", "c", "a"}},
		"a cycle of one":           {"self", "self", []string{"self", "self"}},
		"a cycle of others":        {"onACycle", "onACycle", nil},
		"out of a cycle of others": {"onACycle", "vpc", []string{"onACycle", "a", "b", "vpc"}},
	} {
		t.Run(name, func(t *testing.T) { NewWithT(t).Expect(g.path(tt.from, tt.to)).To(Equal(tt.want)) })
	}
	e := NewWithT(t)
	e.Expect(g.dependents("vpc")).To(Equal([]string{"b", "cluster", "dns"}))
	e.Expect(g.dependents("addons")).To(BeEmpty())
	e.Expect(g.dependents("a")).To(Equal([]string{"onACycle"}), "c is on the cycle, too")
	e.Expect(g.dependents("self")).To(BeEmpty())
}

// dependent makes another workspace, which waits for one.
func (w *world) dependent(name, on string) *infrav1.WorkspaceTemplateApply {
	dependent := newWorkspace(w.namespace, name)
	dependent.Spec.WaitForWorkspaces = []infrav1.LocalReference{{Name: on}}
	w.create(dependent)
	return dependent
}

func TestACycleIsNamed(t *testing.T) {
	w := newWorld(t, func(workspace *infrav1.WorkspaceTemplateApply) {
		workspace.Spec.VariablesFrom = []infrav1.VariablesSource{{ApplyRef: "first"}}
	})
	w.template(nil)
	w.expectInputs("False/WaitingForWorkspace")
	w.dependent("first", "second")
	w.expectInputs("False/WaitingForWorkspace")
	second := w.dependent("second", "w")
	w.expectInputs("False/DependencyCycle")
	w.Expect(w.message("InputsResolved")).To(ContainSubstring("w → first → second → w;"))
	second.Spec.WaitForWorkspaces = nil
	w.update(second)
	w.expectInputs("False/WaitingForWorkspace")
}

func TestWhatOthersDependOnIsDestroyedAfterThem(t *testing.T) {
	w := newWorld(t, nil)
	w.template(nil)
	later, last := w.dependent("x", "w"), w.dependent("y", "w")
	w.delete(w.workspace())
	w.engine.observation = engine.Observation{State: engine.Running, Run: "w-2", Operation: infrav1.OperationDestroy}
	w.Expect(w.reconcile()).To(BeZero())
	w.Expect(w.conditions()).To(HaveKeyWithValue("Applied", "False/WaitingForDependents"))
	w.Expect(w.message("Applied")).To(ContainSubstring("WorkspaceTemplateApply x, y;"))
	w.Expect(w.engine.questions()).To(BeEmpty())

	w.delete(later)
	last.Spec.WaitForWorkspaces = nil
	w.update(last)
	w.reconcile()
	w.Expect(w.conditions()).To(HaveKeyWithValue("Applied", "False/Destroying"))
}

func TestWhatIsRetainedHoldsUpNothing(t *testing.T) {
	retain := true
	w := newWorld(t, func(workspace *infrav1.WorkspaceTemplateApply) { workspace.Spec.RetainWorkspaceOnDelete = &retain })
	w.dependent("x", "w")
	w.delete(w.workspace())
	w.engine.observation = engine.Observation{State: engine.Gone}
	w.reconcile()
	w.Expect(w.engine.questions()).To(Equal([]string{"release"}))
}

func TestWhatAWorkspaceWaitsForIsWokenByIt(t *testing.T) {
	w := newWorld(t, nil)
	requests := ofDependent(t.Context(), w.dependent("x", "w"))
	w.Expect(requests).To(Equal([]reconcile.Request{w.request()}))
}
