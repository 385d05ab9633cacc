package e2e

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// runNumber is the number of the latest run for the control plane.
func (s *sandbox) runNumber(p *parts) int {
	s.Helper()
	return s.runNumberOf(s.apply(s.WithT, p))
}

// runNumberOf is the number of a workspace's latest run. Runs are numbered from
// 1, and the oldest are deleted.
func (s *sandbox) runNumberOf(apply *infrav1.WorkspaceTemplateApply) int {
	s.Helper()
	last := apply.Status.LastRun
	number, err := strconv.Atoi(strings.TrimPrefix(last, apply.Name+"-"))
	s.Expect(err).NotTo(HaveOccurred(), "the latest run is %q", last)
	return number
}

func TestTheVersionReachesTheModule(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	p := s.localkubeParts()
	p.plane.Spec.Version = "v1.36.2"
	s.start(p)
	s.awaitReady(p)
	before := s.outputs(p)
	s.Expect(before).To(HaveKeyWithValue("asked_for", "v1.36.2"))

	s.change(p.plane, func() { p.plane.Spec.Version = "v1.36.3" })
	s.eventually(func(g Gomega) {
		apply := s.apply(g, p)
		g.Expect(apply).To(hasCondition(infrav1.ReadyCondition, metav1.ConditionTrue, ""))
		g.Expect(s.outputs(p)).To(HaveKeyWithValue("asked_for", "v1.36.3"))
	})
	s.awaitReady(p)
	s.Expect(s.runNumber(p)).To(Equal(2))
	s.Expect(s.outputs(p)).To(HaveKeyWithValue("id", before["id"]), "the same cluster, updated")
	_, err := s.published(clusterName + "-kubeconfig").Discovery().ServerVersion()
	s.Expect(err).NotTo(HaveOccurred())
}

// outputs are the outputs of the control plane's module that are no secret.
func (s *sandbox) outputs(p *parts) map[string]any {
	s.Helper()
	return s.outputsOf(s.apply(s.WithT, p))
}

// outputsOf are the outputs that a workspace shows.
func (s *sandbox) outputsOf(apply *infrav1.WorkspaceTemplateApply) map[string]any {
	s.Helper()
	outputs := map[string]any{}
	if apply.Status.Outputs != nil {
		s.Expect(json.Unmarshal(apply.Status.Outputs.Raw, &outputs)).To(Succeed())
	}
	return outputs
}

func TestEachChangeLeadsToOneRun(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	p := s.cheapParts()
	p.module().Module += `
variable "size" {
  type    = number
  default = 1
}

variable "labels" {
  type    = map(string)
  default = {}
}

output "seen" {
  value = "${var.size} ${jsonencode(var.labels)}"
}
`
	s.create(configMap("labels", "vars", `labels = { from = "a" }`))
	p.module().VarFiles = varFile("labels", "vars")
	s.start(p)
	s.awaitReady(p)
	s.Expect(s.outputs(p)).To(HaveKeyWithValue("seen", `1 {"from":"a"}`))
	number := s.runNumber(p)
	s.Expect(number).To(Equal(1))

	for _, change := range []struct {
		name string
		do   func(s *sandbox)
		seen string
	}{
		{"variables", func(s *sandbox) {
			s.change(p.plane, func() { p.plane.Spec.Variables = map[string]string{"size": "2"} })
		}, `2 {"from":"a"}`},
		{"the ConfigMap", func(s *sandbox) {
			found := &corev1.ConfigMap{}
			s.get(s.WithT, "labels", found)
			s.change(found, func() { found.Data["vars"] = `labels = { from = "b" }` })
		}, `2 {"from":"b"}`},
		{"the template", func(s *sandbox) {
			s.change(p.template, func() {
				p.module().Module = strings.Replace(p.module().Module, `"${var.size} `, `"size ${var.size} `, 1)
			})
		}, `size 2 {"from":"b"}`},
		{"the Secret", func(s *sandbox) { s.setCredential(s.kubeconfig(nil)) }, `size 2 {"from":"b"}`},
		{"the template and the variables at once", func(s *sandbox) {
			s.change(p.plane, func() { p.plane.Spec.Variables = nil })
			s.change(p.template, func() { p.module().VarFiles = nil })
		}, `size 1 {}`},
	} {
		t.Run(change.name, func(t *testing.T) {
			s := s.in(t)
			published := s.secret(clusterName + "-kubeconfig").Data["value"]
			change.do(s)
			s.eventually(func(g Gomega) {
				g.Expect(s.runNumber(p)).To(BeNumerically(">", number))
				g.Expect(s.outputs(p)).To(HaveKeyWithValue("seen", change.seen))
				g.Expect(s.apply(g, p)).To(hasCondition(infrav1.ReadyCondition, metav1.ConditionTrue, ""))
			})
			s.awaitReady(p)
			s.nudge(p)
			if change.name == "the Secret" {
				s.eventually(func(g Gomega) {
					g.Expect(s.secret(clusterName + "-kubeconfig").Data["value"]).NotTo(Equal(published))
				})
			}
			runs := s.runNumber(p) - number
			number += runs
			if strings.HasSuffix(change.name, "at once") {
				s.Expect(runs).To(BeElementOf(1, 2), "they are two changes")
				return
			}
			s.Expect(runs).To(Equal(1))
		})
	}
	s.Expect(s.whoAmI(clusterName + "-kubeconfig")).To(Equal(s.user()))
	s.Expect(len(s.runs())).To(BeNumerically("<=", 6), "old runs are deleted")
	s.Expect(s.warnings()).To(BeEmpty())
}

func TestNoChangeLeadsToNothing(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	p := s.readyCluster()
	s.checkInvariants()
	s.create(configMap("unrelated", "a", "b"))
	before := s.versions()
	begin := time.Now()
	for i := range 3 {
		touch := map[string]string{"unrelated": strconv.Itoa(i)}
		since := time.Now()
		s.change(p.cluster, func() { p.cluster.Annotations = touch })
		s.eventually(func(g Gomega) {
			// The control plane was reconciled because of that, and what it did
			// because of the touch before is done: it looks at what it published.
			g.Expect(s.requests(since)).To(ContainElement("get secrets " + clusterName + "-kubeconfig"))
		})
	}
	s.Expect(s.versions()).To(Equal(before))
	for _, request := range s.requests(begin) {
		s.Expect(request).To(HavePrefix("get "), "nothing is written")
	}
}

// versions are the resource versions of all objects of ours, of MachinePools and
// of Secrets.
func (s *sandbox) versions() map[string]string {
	s.Helper()
	versions := map[string]string{}
	s.each(append(ourLists(), &infrav1.CAPTNoBootstrapList{}, &infrav1.WorkspaceTemplateList{}, &clusterv1.MachinePoolList{}, &corev1.SecretList{}), func(object client.Object) {
		versions[fmt.Sprintf("%T %s", object, object.GetName())] = object.GetResourceVersion()
	})
	return versions
}

// requests are what the manager has asked of the API server about the
// namespace since then: verb, resource, name.
func (s *sandbox) requests(since time.Time) []string {
	s.Helper()
	events, err := env.Requests(since)
	s.Expect(err).NotTo(HaveOccurred())
	var requests []string
	for _, event := range events {
		if ref := event.ObjectRef; ref != nil && ref.Namespace == s.ns {
			requests = append(requests, event.Verb+" "+ref.Resource+" "+ref.Name)
		}
	}
	return requests
}
