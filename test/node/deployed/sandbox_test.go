package deployed

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilrand "k8s.io/apimachinery/pkg/util/rand"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/tfstate"
)

const (
	// patience is how long anything may take, on a machine that does much else.
	patience = 4 * time.Minute
	interval = 200 * time.Millisecond

	// ofTheTest labels what is the test's own and may stay.
	ofTheTest = "e2e.captproject.io/of-the-test"
)

// sandbox is a namespace for one test, where pods have to be restricted, with a
// site of its own.
type sandbox struct {
	testing.TB
	*WithT
	ns   string
	site *site
}

func newSandbox(t *testing.T) *sandbox {
	t.Helper()
	s := &sandbox{TB: t, WithT: NewWithT(t), ns: "deployed-" + utilrand.String(8), site: newSite(t)}
	s.Expect(shared.Client.Create(t.Context(), s.namespace())).To(Succeed())
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.describe(context.Background()))
		}
	})
	return s
}

func (s *sandbox) namespace() *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: s.ns, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}
}

// eventually waits until all assertions hold.
func (s *sandbox) eventually(check func(g Gomega)) {
	s.Helper()
	s.Eventually(check).WithContext(s.Context()).WithTimeout(patience).WithPolling(interval).Should(Succeed())
}

func (s *sandbox) create(objects ...client.Object) {
	s.Helper()
	for _, object := range objects {
		object.SetNamespace(s.ns)
		s.Expect(shared.Client.Create(s.Context(), object)).To(Succeed(), "create %T %s", object, object.GetName())
	}
}

// get reads an object of the namespace.
func (s *sandbox) get(g Gomega, name string, into client.Object) {
	key := client.ObjectKey{Namespace: s.ns, Name: name}
	g.ExpectWithOffset(1, shared.Client.Get(s.Context(), key, into)).To(Succeed(), "get %T %s", into, name)
}

// runs are the runs of an apply, by age, as "operation phase reason".
func (s *sandbox) runs(apply string) []string {
	s.Helper()
	list := &infrav1.WorkspaceRunList{}
	s.Expect(shared.Client.List(s.Context(), list, client.InNamespace(s.ns), client.MatchingLabels{infrav1.WorkspaceLabel: apply})).To(Succeed())
	slices.SortFunc(list.Items, func(a, b infrav1.WorkspaceRun) int {
		return a.CreationTimestamp.Compare(b.CreationTimestamp.Time)
	})
	var lines []string
	for _, run := range list.Items {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s", run.Spec.Operation, run.Status.Phase, run.Status.Reason)))
	}
	return lines
}

// runningPod is the one pod for an apply that has not ended.
func (s *sandbox) runningPod(apply string) *corev1.Pod {
	s.Helper()
	list := &corev1.PodList{}
	s.Expect(shared.Client.List(s.Context(), list, client.InNamespace(s.ns), client.MatchingLabels{infrav1.WorkspaceLabel: apply})).To(Succeed())
	list.Items = slices.DeleteFunc(list.Items, func(pod corev1.Pod) bool { return pod.Status.Phase != corev1.PodRunning })
	s.Expect(list.Items).To(HaveLen(1))
	return &list.Items[0]
}

// ids are those of the resources in the state of an apply, by their names.
func (s *sandbox) ids(apply string) map[string]string {
	s.Helper()
	secret := &corev1.Secret{}
	s.get(s.WithT, tfstate.SecretName(tfstate.Suffix(s.ns, apply)), secret)
	text, err := tfstate.Decode(secret)
	s.Expect(err).NotTo(HaveOccurred())
	var state struct {
		Resources []struct {
			Name      string
			Instances []struct{ Attributes struct{ ID string } }
		}
	}
	s.Expect(json.Unmarshal(text, &state)).To(Succeed())
	ids := map[string]string{}
	for _, resource := range state.Resources {
		s.Expect(resource.Instances).To(HaveLen(1))
		ids[resource.Name] = resource.Instances[0].Attributes.ID
	}
	return ids
}
