package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilrand "k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/util/retry"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/conditions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

const (
	// patience is how long anything may take, on a machine that does much else.
	patience = 4 * time.Minute
	interval = 100 * time.Millisecond
)

// sandbox is a namespace for one test.
type sandbox struct {
	testing.TB
	*WithT
	ctx context.Context
	ns  string
	// dir is a directory for modules to leave traces in.
	dir string
}

// newSandbox makes a namespace. When the test has ended well, the statuses in
// it are checked, and everything is deleted and seen to go.
func newSandbox(t *testing.T) *sandbox {
	t.Helper()
	s := &sandbox{TB: t, WithT: NewWithT(t), ctx: t.Context(), ns: "e2e-" + utilrand.String(8), dir: t.TempDir()}
	envMutex.Lock()
	defer envMutex.Unlock()
	s.Expect(env.Namespace(s.ctx, s.ns)).To(Succeed())
	t.Cleanup(func() {
		s.ctx = context.WithoutCancel(s.ctx)
		if t.Failed() {
			t.Log(s.describe())
			return
		}
		s.checkInvariants()
		s.deleteAll()
	})
	return s
}

// in is the sandbox for a subtest.
func (s *sandbox) in(t *testing.T) *sandbox {
	c := *s
	c.TB, c.WithT, c.ctx = t, NewWithT(t), t.Context()
	return &c
}

// eventually retries until all assertions hold, or a part of the environment
// has ended.
func (s *sandbox) eventually(check func(g Gomega)) {
	s.Helper()
	s.WithT.Eventually(func(g Gomega) {
		if broken.Err() != nil {
			StopTrying("the environment is broken").Wrap(context.Cause(broken)).Now()
		}
		check(g)
	}).WithContext(s.ctx).WithTimeout(patience).WithPolling(interval).Should(Succeed())
}

// create creates objects in the namespace.
func (s *sandbox) create(objects ...client.Object) {
	s.Helper()
	for _, object := range objects {
		object.SetNamespace(s.ns)
		s.Expect(env.Client.Create(s.ctx, object)).To(Succeed(), "create %T %s", object, object.GetName())
	}
}

// change changes an object, whoever else does at the same time.
func (s *sandbox) change(object client.Object, mutate func()) {
	s.Helper()
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		if err := env.Client.Get(s.ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return err
		}
		mutate()
		return env.Client.Update(s.ctx, object)
	})
	s.Expect(err).NotTo(HaveOccurred(), "change %T %s", object, object.GetName())
}

// get reads an object of the namespace by its name.
func (s *sandbox) get(g Gomega, name string, into client.Object) {
	key := client.ObjectKey{Namespace: s.ns, Name: name}
	g.ExpectWithOffset(1, env.Client.Get(s.ctx, key, into)).To(Succeed(), "get %T %s", into, name)
}

// list reads all objects of a kind in the namespace.
func (s *sandbox) list(into client.ObjectList) {
	s.Helper()
	s.Expect(env.Client.List(s.ctx, into, client.InNamespace(s.ns))).To(Succeed())
}

// secret reads a Secret that must be there.
func (s *sandbox) secret(name string) *corev1.Secret {
	s.Helper()
	secret := &corev1.Secret{}
	s.get(s.WithT, name, secret)
	return secret
}

// runs are all runs in the namespace.
func (s *sandbox) runs() []infrav1.WorkspaceRun {
	s.Helper()
	list := &infrav1.WorkspaceRunList{}
	s.list(list)
	return list.Items
}

// runNames are their names.
func (s *sandbox) runNames() []string {
	s.Helper()
	var names []string
	for _, run := range s.runs() {
		names = append(names, run.Name)
	}
	return names
}

// warnings are the warnings about objects of ours, a line each: kind, name,
// reason, and "again" if it was told more than once.
func (s *sandbox) warnings() []string {
	s.Helper()
	list := &eventsv1.EventList{}
	s.list(list)
	var lines []string
	for _, event := range list.Items {
		if event.Type != corev1.EventTypeWarning || !strings.Contains(event.Regarding.APIVersion, "cluster.x-k8s.io") || event.Regarding.Kind == "Cluster" {
			continue
		}
		line := fmt.Sprintf("%s %s %s", event.Regarding.Kind, event.Regarding.Name, event.Reason)
		if event.Series != nil {
			line += fmt.Sprintf(" again (%d)", event.Series.Count)
		}
		lines = append(lines, line)
	}
	return lines
}

// ourLists are lists of our kinds that have a status.
func ourLists() []client.ObjectList {
	return []client.ObjectList{
		&infrav1.CAPTClusterList{}, &controlplanev1.CAPTControlPlaneList{}, &infrav1.CAPTMachinePoolList{},
		&infrav1.WorkspaceTemplateApplyList{}, &infrav1.WorkspaceRunList{},
	}
}

// each calls do for every object of the lists in the namespace.
func (s *sandbox) each(lists []client.ObjectList, do func(client.Object)) {
	s.Helper()
	for _, list := range lists {
		s.list(list)
		s.Expect(meta.EachListItem(list, func(item runtime.Object) error {
			do(item.(client.Object))
			return nil
		})).To(Succeed())
	}
}

// deleteAll deletes what a user would, and waits until all that CAPT has made
// is gone.
func (s *sandbox) deleteAll() {
	s.Helper()
	var doomed []client.Object
	s.each([]client.ObjectList{
		&clusterv1.ClusterList{}, &infrav1.WorkspaceTemplateApplyList{},
		&infrav1.CAPTClusterList{}, &controlplanev1.CAPTControlPlaneList{},
	}, func(object client.Object) {
		if len(object.GetOwnerReferences()) == 0 {
			doomed = append(doomed, object)
		}
	})
	for _, object := range doomed {
		s.Expect(client.IgnoreNotFound(env.Client.Delete(s.ctx, object))).To(Succeed())
	}
	s.eventually(func(g Gomega) { g.Expect(s.remains()).To(BeEmpty()) })
}

// remains are what there is in the namespace for the sake of clusters, and the
// processes that work for it.
func (s *sandbox) remains() []string {
	s.Helper()
	var left []string
	lists := append(ourLists(), &infrav1.CAPTNoBootstrapList{}, &clusterv1.ClusterList{}, &clusterv1.MachinePoolList{}, &corev1.SecretList{}, &coordinationv1.LeaseList{})
	s.each(lists, func(object client.Object) {
		if object.GetLabels()[ofTheTest] == "" {
			left = append(left, fmt.Sprintf("%T %s", object, object.GetName()))
		}
	})
	return append(left, s.traces()...)
}

// describe tells how everything in the namespace stands.
func (s *sandbox) describe() string {
	var text strings.Builder
	fmt.Fprintf(&text, "namespace %s:\n", s.ns)
	s.each(append(ourLists(), &clusterv1.ClusterList{}, &clusterv1.MachinePoolList{}), func(object client.Object) {
		fmt.Fprintf(&text, "%T %s generation %d\n", object, object.GetName(), object.GetGeneration())
		for _, c := range object.(conditions.Getter).GetConditions() {
			fmt.Fprintf(&text, "    %s=%s %s: %s\n", c.Type, c.Status, c.Reason, c.Message)
		}
	})
	fmt.Fprintf(&text, "warnings: %q\n", s.warnings())
	return text.String()
}

// hasCondition matches an object whose condition has the status, the reason if
// one is given, and all these parts in its message.
func hasCondition(conditionType string, status metav1.ConditionStatus, reason string, parts ...string) types.GomegaMatcher {
	text := func(object conditions.Getter) string {
		c := conditions.Get(object, conditionType)
		if c == nil {
			return "no condition " + conditionType
		}
		return fmt.Sprintf("%s=%s %s: %s", c.Type, c.Status, c.Reason, c.Message)
	}
	wanted := []types.GomegaMatcher{HavePrefix("%s=%s %s", conditionType, status, reason)}
	for _, part := range parts {
		wanted = append(wanted, ContainSubstring(part))
	}
	return WithTransform(text, And(wanted...))
}
