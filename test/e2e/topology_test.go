package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/conditions"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/hack/tools/toolbox"
)

const networkModule = `
variable "network" {
  type = string
}

output "network_id" {
  value = var.network
}
`

// shopModule is what follows cheapModule for a class. A change of the version
// takes as long as it takes to read the file gate-<version>.
const shopModule = `
variable "network_id" {
  type = string
}

variable "size" {
  type = number
}

variable "pools" {
  type    = list(object({ name = string, labels = map(string) }))
  default = []
}

variable "kubernetes_version" {
  type = string
}

variable "gates" {
  type = string
}

resource "terraform_data" "version" {
  triggers_replace = var.kubernetes_version

  provisioner "local-exec" {
    command = "cat ${var.gates}/gate-${var.kubernetes_version}"
  }
}

output "kubernetes_version" {
  value      = var.kubernetes_version
  depends_on = [terraform_data.version]
}

output "seen" {
  value = "${var.network_id} ${var.size} ${jsonencode(var.pools)}"
}
`

// classParts are a cluster of the class in testdata, whose parts have the names
// that Cluster API gave them.
func (s *sandbox) classParts() *parts {
	s.Helper()
	p := s.cheapParts()
	p.module().Module += shopModule
	p.module().Vars = []infrav1.Var{{Key: "gates", Value: &s.dir}}
	network := template("network", networkModule)
	network.Spec.Template.Spec.ForProvider.Env = nil
	s.create(p.template, network)
	s.kubectl("apply", "-n", s.ns, "-f", filepath.Join("test", "e2e", "testdata", "clusterclass.yaml"))
	p.cluster.Spec = clusterv1.ClusterSpec{Topology: clusterv1.Topology{
		ClassRef:  clusterv1.ClusterClassRef{Name: "shops"},
		Version:   "v1.36.2",
		Variables: []clusterv1.ClusterVariable{topologyVariable("network", `"blue"`)},
	}}
	return p
}

// kubectl runs kubectl in the checkout.
func (s *sandbox) kubectl(args ...string) {
	s.Helper()
	envMutex.Lock()
	defer envMutex.Unlock()
	_, err := env.Run(s.ctx, toolbox.Kubectl, args...)
	s.Expect(err).NotTo(HaveOccurred())
}

func topologyVariable(name, json string) clusterv1.ClusterVariable {
	return clusterv1.ClusterVariable{Name: name, Value: apiextensionsv1.JSON{Raw: []byte(json)}}
}

// gate makes a change to the version wait until what it returns is called.
func (s *sandbox) gate(version string) (open func()) {
	path := filepath.Join(s.dir, "gate-"+version)
	s.Expect(syscall.Mkfifo(path, 0o600)).To(Succeed())
	return func() {
		writer, err := os.OpenFile(path, os.O_WRONLY, 0)
		s.Expect(err).NotTo(HaveOccurred())
		s.Expect(writer.Close()).To(Succeed())
	}
}

// awaitTopology waits until the topology was reconciled as it is wanted now, and
// all is ready.
func (s *sandbox) awaitTopology(p *parts) {
	s.Helper()
	s.eventually(func(g Gomega) {
		s.get(g, p.cluster.Name, p.cluster)
		g.Expect(p.cluster).To(hasCondition(clusterv1.ClusterTopologyReconciledCondition, metav1.ConditionTrue, ""))
		g.Expect(conditions.Get(p.cluster, clusterv1.ClusterTopologyReconciledCondition).ObservedGeneration).To(Equal(p.cluster.Generation))
		g.Expect(p.cluster.Spec.ControlPlaneRef.Name).NotTo(BeEmpty())
	})
	p.plane.Name, p.infra.Name = p.cluster.Spec.ControlPlaneRef.Name, p.cluster.Spec.InfrastructureRef.Name
	s.awaitReady(p)
}

// awaitSeen waits until the module of the control plane has seen the values.
func (s *sandbox) awaitSeen(p *parts, seen string) {
	s.Helper()
	s.eventually(func(g Gomega) {
		g.Expect(s.apply(g, p)).To(hasCondition(infrav1.ReadyCondition, metav1.ConditionTrue, ""))
		g.Expect(s.outputs(p)).To(HaveKeyWithValue("seen", seen))
	})
	s.awaitTopology(p)
}

func TestAClusterOfAClass(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	p := s.classParts()
	s.Expect(os.WriteFile(filepath.Join(s.dir, "gate-v1.36.2"), nil, 0o600)).To(Succeed())
	s.create(p.cluster)
	s.awaitTopology(p)
	s.awaitSeen(p, "blue 1 []")
	s.get(s.WithT, p.infra.Name, p.infra)
	s.Expect(p.infra.Labels).To(HaveKeyWithValue("from", "template"))
	s.Expect(s.whoAmI(clusterName + "-kubeconfig")).To(Equal(s.user()))

	t.Run("is left alone", func(t *testing.T) { s.in(t).expectRest(p) })

	t.Run("is changed by variables", func(t *testing.T) {
		s := s.in(t)
		number := s.runNumber(p)
		s.change(p.cluster, func() {
			p.cluster.Spec.Topology.Variables = []clusterv1.ClusterVariable{
				topologyVariable("network", `"blue"`), topologyVariable("size", "3"),
				topologyVariable("pools", `[{"name":"a","labels":{"x":"y"}},{"name":"b","labels":{}}]`),
			}
		})
		s.awaitSeen(p, `blue 3 [{"labels":{"x":"y"},"name":"a"},{"labels":{},"name":"b"}]`)
		s.Expect(s.runNumber(p)).To(Equal(number+1), "two variables in one change are one run")

		s.change(p.cluster, func() {
			p.cluster.Spec.Topology.Variables = []clusterv1.ClusterVariable{topologyVariable("network", `"green"`), topologyVariable("size", "3")}
		})
		s.awaitSeen(p, "green 3 []")
		s.expectRest(p)
	})

	t.Run("is upgraded", func(t *testing.T) { s.in(t).upgrade(p) })

	s.delete(p.cluster)
	s.eventually(func(g Gomega) { g.Expect(s.remains()).To(BeEmpty()) })
}

// upgrade changes the version of the topology, and looks at what is told of it
// before and after it is done.
func (s *sandbox) upgrade(p *parts) {
	s.Helper()
	open := s.gate("v1.36.3")
	s.change(p.cluster, func() { p.cluster.Spec.Topology.Version = "v1.36.3" })
	s.eventually(func(g Gomega) {
		s.get(g, p.plane.Name, p.plane)
		g.Expect(p.plane.Spec.Version).To(Equal("v1.36.3"))
		g.Expect(p.plane).To(hasCondition(controlplanev1.WorkspaceReadyCondition, metav1.ConditionFalse, "Applying"))
		g.Expect(p.plane.Status.Versions).To(Equal([]clusterv1.StatusVersion{{Version: "v1.36.2"}}), "what runs is told, not what is wanted")
		s.get(g, p.cluster.Name, p.cluster)
		g.Expect(p.cluster).To(hasCondition(clusterv1.ClusterRollingOutCondition, metav1.ConditionTrue, clusterv1.RollingOutReason, "Kubernetes v1.36.2 is to become v1.36.3"))
		g.Expect(p.cluster).To(hasCondition(clusterv1.ClusterTopologyReconciledCondition, metav1.ConditionFalse, clusterv1.ClusterTopologyReconciledClusterUpgradingReason))
	})
	open()
	s.eventually(func(g Gomega) {
		s.get(g, p.plane.Name, p.plane)
		g.Expect(p.plane.Status.Versions).To(Equal([]clusterv1.StatusVersion{{Version: "v1.36.3"}}))
	})
	s.awaitTopology(p)
	s.eventually(func(g Gomega) {
		s.get(g, p.cluster.Name, p.cluster)
		g.Expect(p.cluster).To(hasCondition(clusterv1.ClusterRollingOutCondition, metav1.ConditionFalse, clusterv1.NotRollingOutReason))
	})
	s.expectRest(p)
}

// expectRest asserts that the topology controller, when it reconciles, has no
// change to make, and nor have we.
func (s *sandbox) expectRest(p *parts) {
	s.Helper()
	s.checkInvariants()
	before := s.versions()
	for i := range 3 {
		since := time.Now()
		s.change(p.cluster, func() {
			topology := &p.cluster.Spec.Topology
			kept := topology.Variables[:0]
			for _, v := range topology.Variables {
				if v.Name != "note" {
					kept = append(kept, v)
				}
			}
			topology.Variables = append(kept, topologyVariable("note", strconv.Quote(strconv.Itoa(i))))
		})
		s.awaitTopology(p)
		s.eventually(func(g Gomega) {
			g.Expect(s.requests(since)).To(ContainElement("get secrets "+clusterName+"-kubeconfig"), "the control plane was reconciled")
		})
	}
	s.Expect(s.versions()).To(Equal(before))
}
