package workspace

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/phase"
)

// dependencies are the names of the applies that a workspace waits for.
func dependencies(workspace *infrav1.WorkspaceTemplateApply) []string {
	var names []string
	for _, source := range workspace.Spec.VariablesFrom {
		names = append(names, source.ApplyRef)
	}
	for _, reference := range workspace.Spec.WaitForWorkspaces {
		names = append(names, reference.Name)
	}
	return names
}

// graph is what the workspaces of a namespace wait for, by name.
type graph map[string][]string

func (r *Reconciler) graph(ctx context.Context, namespace string) (graph, error) {
	list := &infrav1.WorkspaceTemplateApplyList{}
	if err := r.Client.List(ctx, list, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("listing WorkspaceTemplateApplies: %w", err)
	}
	g := graph{}
	for i := range list.Items {
		g[list.Items[i].Name] = dependencies(&list.Items[i])
	}
	return g, nil
}

// path returns the names from one workspace to another along what each waits for,
// the shortest there is; nil if there is none. From a workspace to itself it is a
// cycle.
func (g graph) path(from, to string) []string {
	cameFrom := map[string]string{}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		for _, next := range g[queue[0]] {
			if _, seen := cameFrom[next]; seen {
				continue
			}
			cameFrom[next] = queue[0]
			if next == to {
				return g.back(cameFrom, from, to)
			}
			queue = append(queue, next)
		}
	}
	return nil
}

// back follows the way that path came.
func (graph) back(cameFrom map[string]string, from, to string) []string {
	path := []string{to}
	for at := cameFrom[to]; at != from; at = cameFrom[at] {
		path = append(path, at)
	}
	slices.Reverse(path)
	return append([]string{from}, path...)
}

// dependents are the workspaces that wait for one, in the order of their names.
// Those that it waits for itself are left out: of a cycle nobody can be the first.
func (g graph) dependents(of string) []string {
	var names []string
	for name, waitsFor := range g {
		if name != of && slices.Contains(waitsFor, of) && g.path(of, name) == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// waitFor is the outcome of a workspace that another has to be ready for.
func (r *Reconciler) waitFor(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply, other string) phase.Outcome {
	g, err := r.graph(ctx, workspace.Namespace)
	if err != nil {
		return phase.Fail(ReasonReadFailed, err)
	}
	if cycle := g.path(workspace.Name, workspace.Name); cycle != nil {
		return phase.Block(ReasonDependencyCycle, fmt.Errorf(
			"WorkspaceTemplateApplies wait for each other: %s; take one of these out of spec.variablesFrom or spec.waitForWorkspaces", strings.Join(cycle, " → ")))
	}
	return phase.Wait(ReasonWaitingForWorkspace, fmt.Sprintf("WorkspaceTemplateApply %s is not ready yet", other), 0)
}

// awaitDependents holds up a destroy until nobody depends on what is destroyed: it
// goes in the reverse order of its making. What is retained holds up nothing.
func (r *Reconciler) awaitDependents(ctx context.Context, s *scope) phase.Outcome {
	if s.retained() {
		return phase.Done()
	}
	g, err := r.graph(ctx, s.workspace.Namespace)
	if err != nil {
		return phase.Fail(ReasonReadFailed, err)
	}
	if dependents := g.dependents(s.workspace.Name); len(dependents) > 0 {
		return phase.Wait(ReasonWaitingForDependents, fmt.Sprintf(
			"destroyed after what depends on it: WorkspaceTemplateApply %s; delete that, or take this one out of its spec.variablesFrom and spec.waitForWorkspaces",
			strings.Join(dependents, ", ")), 0)
	}
	return phase.Done()
}
