package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// object is any of the objects that the story is about.
type object interface {
	client.Object
	GetConditions() []metav1.Condition
}

type kind struct {
	name string
	list client.ObjectList
	// conditions are told when they are True or False, the summary of all only
	// when it is True: it repeats what the others say.
	conditions []string
	summary    string
}

// kinds are what the story is about, from the top down.
var kinds = []kind{
	{
		"Cluster", &clusterv1.ClusterList{},
		[]string{clusterv1.ClusterInfrastructureReadyCondition, clusterv1.ClusterControlPlaneInitializedCondition, clusterv1.ClusterRemoteConnectionProbeCondition},
		clusterv1.ClusterAvailableCondition,
	},
	{
		"CAPTCluster", &infrav1.CAPTClusterList{},
		[]string{infrav1.InfrastructureReadyCondition},
		infrav1.ReadyCondition,
	},
	{
		"CAPTControlPlane", &controlplanev1.CAPTControlPlaneList{},
		[]string{controlplanev1.WorkspaceReadyCondition, controlplanev1.EndpointAvailableCondition, controlplanev1.KubeconfigReadyCondition, controlplanev1.ConnectedCondition},
		controlplanev1.AvailableCondition,
	},
	{
		"WorkspaceTemplateApply", &infrav1.WorkspaceTemplateApplyList{},
		[]string{infrav1.InputsResolvedCondition, infrav1.AppliedCondition},
		infrav1.ReadyCondition,
	},
	{
		"WorkspaceRun", &infrav1.WorkspaceRunList{},
		nil,
		infrav1.SucceededCondition,
	},
}

// identity is kind and name; all objects are of one namespace.
type identity struct{ kind, name string }

func (i identity) String() string { return i.kind + " " + i.name }

// story follows objects and tells each change once.
type story struct {
	objects map[identity]object
	// told is what was last said of each object's aspects.
	told map[identity]map[string]string
}

func newStory() *story {
	return &story{objects: map[identity]object{}, told: map[identity]map[string]string{}}
}

// follow takes in a watch event and returns what is new, a line each.
func (s *story) follow(kind string, event watch.EventType, o object) []string {
	id := identity{kind, o.GetName()}
	if event == watch.Deleted {
		delete(s.objects, id)
		delete(s.told, id)
		return []string{line(id, "gone")}
	}
	var lines []string
	isNew := s.told[id] == nil
	if isNew {
		s.told[id] = map[string]string{}
	}
	s.objects[id] = o
	for _, aspect := range aspects(kind, o) {
		if s.told[id][aspect.name] != aspect.text {
			s.told[id][aspect.name] = aspect.text
			lines = append(lines, line(id, aspect.text))
		}
	}
	if isNew && len(lines) == 0 {
		lines = append(lines, line(id, "created"))
	}
	return lines
}

// aspect is one thing to tell of an object, and tell again when the text is
// another.
type aspect struct{ name, text string }

func aspects(kind string, o object) []aspect {
	if run, ok := o.(*infrav1.WorkspaceRun); ok {
		return []aspect{{"phase", describeRun(run)}}
	}
	if o.GetDeletionTimestamp() != nil {
		// What its conditions say while it is going is of no interest.
		return []aspect{{"deletion", "is being deleted"}}
	}
	k := kinds[rank(kind)]
	var found []aspect
	for _, name := range append(slices.Clone(k.conditions), k.summary) {
		c := meta.FindStatusCondition(o.GetConditions(), name)
		if c == nil || c.Status == metav1.ConditionUnknown || name == k.summary && c.Status != metav1.ConditionTrue {
			continue
		}
		found = append(found, aspect{name, short(describe(*c))})
	}
	return found
}

// unmet describes the conditions that are not as they should be, a line each:
// those that are False, or not there; the summary only when nothing else tells
// why, since it repeats the others.
func (s *story) unmet() []string {
	var lines []string
	for _, id := range s.identities() {
		k, o, before := kinds[rank(id.kind)], s.objects[id], len(lines)
		for _, name := range k.conditions {
			c := meta.FindStatusCondition(o.GetConditions(), name)
			if c == nil || c.Status == metav1.ConditionFalse {
				lines = append(lines, line(id, describeNamed(c, name)))
			}
		}
		if len(lines) == before && !isTrue(o, k.summary) {
			c := meta.FindStatusCondition(o.GetConditions(), k.summary)
			lines = append(lines, line(id, describeNamed(c, k.summary)))
		}
	}
	return lines
}

// remaining names the objects that are still there.
func (s *story) remaining() []string {
	var names []string
	for _, id := range s.identities() {
		names = append(names, id.String())
	}
	return names
}

func (s *story) identities() []identity {
	return slices.SortedFunc(maps.Keys(s.objects), identity.compare)
}

// compare orders from the top down, then by name.
func (i identity) compare(other identity) int {
	return cmp.Or(rank(i.kind)-rank(other.kind), strings.Compare(i.name, other.name))
}

func rank(name string) int {
	return slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
}

func isTrue(o object, condition string) bool {
	return meta.IsStatusConditionTrue(o.GetConditions(), condition)
}

func line(id identity, text string) string { return fmt.Sprintf("  %-50s %s", id, text) }

func describeNamed(c *metav1.Condition, name string) string {
	if c == nil {
		return name + " is not there yet"
	}
	return describe(*c)
}

// describe says how a condition stands and, if it is not True, why; on one line.
func describe(c metav1.Condition) string {
	if c.Status == metav1.ConditionTrue {
		return c.Type
	}
	text := fmt.Sprintf("%s is %s (%s): %s", c.Type, c.Status, c.Reason, c.Message)
	return strings.Join(strings.Fields(text), " ")
}

// short cuts a text that is told in passing.
func short(text string) string {
	const most = 80
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

func describeRun(run *infrav1.WorkspaceRun) string {
	phase := run.Status.Phase
	if phase == "" {
		phase = infrav1.RunPending
	}
	text := fmt.Sprintf("%s: %s", run.Spec.Operation, phase)
	if run.Status.Reason != "" {
		text += fmt.Sprintf(" (%s): %s", run.Status.Reason, strings.Join(strings.Fields(run.Status.Message), " "))
	}
	return text
}
