package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/cluster-api/util/annotations"
	"sigs.k8s.io/cluster-api/util/conditions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

var (
	// credential is what must be in no status, event or log: PEM, a JSON web
	// token.
	credential = regexp.MustCompile(`-----BEGIN|LS0tLS1CRUdJTi|eyJ[A-Za-z0-9_-]{5,}\.eyJ`)
	// clock is a time. Messages do not tell any: they would differ each time.
	clock = regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\d\d:\d\d:\d\d`)
)

// checkInvariants asserts, of every object of ours in the namespace, what holds
// for all of them once they are at rest.
func (s *sandbox) checkInvariants() {
	s.Helper()
	s.eventually(func(g Gomega) {
		var defects []string
		s.each(ourLists(), func(object client.Object) {
			if !annotations.IsExternallyManaged(object) {
				defects = append(defects, defectsOf(object)...)
			}
		})
		g.Expect(defects).To(BeEmpty())
	})
}

// defectsOf lists what is wrong with the status of an object.
func defectsOf(object client.Object) (defects []string) {
	defect := func(format string, args ...any) {
		defects = append(defects, fmt.Sprintf("%T %s: ", object, object.GetName())+fmt.Sprintf(format, args...))
	}
	summary, owned, observed := ownedConditions(object)
	all := object.(conditions.Getter).GetConditions()
	for _, name := range append(owned, summary) {
		if !slices.ContainsFunc(all, func(c metav1.Condition) bool { return c.Type == name }) {
			defect("has no condition %s", name)
		}
	}
	for _, c := range all {
		switch {
		case c.Reason == "":
			defect("%s has no reason", c.Type)
		case c.Status == metav1.ConditionFalse && c.Message == "" && c.Type != "Paused" && c.Type != "Deleting":
			defect("%s is False and says nothing", c.Type)
		case credential.MatchString(c.Message):
			defect("%s shows a credential", c.Type)
		case clock.MatchString(c.Message):
			defect("%s tells the time: %s", c.Type, c.Message)
		case strings.Contains(c.Message, env.Root):
			defect("%s shows a path of this machine: %s", c.Type, c.Message)
		}
	}
	if conditions.IsTrue(object.(conditions.Getter), summary) && observed != object.GetGeneration() {
		defect("%s is true, of generation %d instead of %d", summary, observed, object.GetGeneration())
	}
	return defects
}

// ownedConditions are the conditions that an object always has, the one that
// sums them up, and the generation that its status speaks of.
func ownedConditions(object client.Object) (summary string, others []string, observed int64) {
	switch o := object.(type) {
	case *infrav1.CAPTCluster:
		return infrav1.ReadyCondition, []string{infrav1.InfrastructureReadyCondition, "Paused", "Deleting"}, o.Status.ObservedGeneration
	case *infrav1.CAPTMachinePool:
		return infrav1.ReadyCondition, []string{
			infrav1.WorkspaceReadyCondition, infrav1.ProviderIDsAvailableCondition, "Paused", "Deleting",
		}, o.Status.ObservedGeneration
	case *controlplanev1.CAPTControlPlane:
		return controlplanev1.AvailableCondition, []string{
			controlplanev1.WorkspaceReadyCondition, controlplanev1.EndpointAvailableCondition,
			controlplanev1.KubeconfigReadyCondition, controlplanev1.ConnectedCondition, "Paused", "Deleting", "RollingOut",
		}, o.Status.ObservedGeneration
	case *infrav1.WorkspaceTemplateApply:
		return infrav1.ReadyCondition, []string{
			infrav1.InputsResolvedCondition, infrav1.AppliedCondition, infrav1.OutputsStoredCondition, infrav1.DriftedCondition, "Paused", "Deleting",
		}, o.Status.ObservedGeneration
	case *infrav1.WorkspaceRun:
		// The spec of a run never changes.
		return infrav1.SucceededCondition, nil, o.Generation
	}
	panic(fmt.Sprintf("no kind of ours: %T", object))
}
