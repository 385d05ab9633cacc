package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
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

// shopModule is what follows localkubeModule for a class. A change of the version
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
	p := s.localkubeParts()
	p.module().Module += shopModule + s.lastWords("control plane")
	p.module().Vars = []infrav1.Var{{Key: "gates", Value: &s.dir}}
	network := template("network", networkModule+s.lastWords("infrastructure"))
	network.Spec.Template.Spec.ForProvider.Env = nil
	nodes := template("nodes", nodesModule+workersModule+s.lastWords("workers"))
	nodes.Spec.Template.Spec.ForProvider.Env = p.module().Env
	s.create(p.template, network, nodes)
	s.kubectl("apply", "-n", s.ns, "-f", filepath.Join("test", "e2e", "testdata", "clusterclass.yaml"))
	p.cluster.Spec = clusterv1.ClusterSpec{Topology: clusterv1.Topology{
		ClassRef:  clusterv1.ClusterClassRef{Name: "shops"},
		Version:   "v1.36.2",
		Variables: []clusterv1.ClusterVariable{topologyVariable("network", `"blue"`)},
		Workers: clusterv1.WorkersTopology{MachinePools: []clusterv1.MachinePoolTopology{
			{Class: "default", Name: "workers", Replicas: ptr.To[int32](2)},
		}},
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

// setVariable changes a variable of the topology and leaves the others.
func (s *sandbox) setVariable(p *parts, name, json string) {
	s.Helper()
	s.change(p.cluster, func() {
		topology := &p.cluster.Spec.Topology
		others := slices.DeleteFunc(topology.Variables, func(v clusterv1.ClusterVariable) bool { return v.Name == name })
		topology.Variables = append(others, topologyVariable(name, json))
	})
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

// awaitSeen waits until the module of the control plane has seen the values, and
// that of the workers what came of them.
func (s *sandbox) awaitSeen(p *parts, seen string) {
	s.Helper()
	pool := s.pool()
	s.eventually(func(g Gomega) {
		g.Expect(s.apply(g, p)).To(hasCondition(infrav1.ReadyCondition, metav1.ConditionTrue, ""))
		g.Expect(s.outputs(p)).To(HaveKeyWithValue("seen", seen))
		g.Expect(s.outputsOf(s.workers(g, pool))).To(HaveKeyWithValue("seen", seen))
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
	pool := s.pool()
	s.awaitRunning(pool, 2, "v1.36.2")
	s.expectNodes(pool, "v1.36.2", "v1.36.2")

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

	t.Run("has its workers changed", func(t *testing.T) { s.in(t).changeWorkers(p, pool) })

	t.Run("is upgraded", func(t *testing.T) { s.in(t).upgrade(p, pool) })

	s.delete(p.cluster)
	s.eventually(func(g Gomega) { g.Expect(s.remains()).To(BeEmpty()) })
	said, err := os.ReadFile(filepath.Join(s.dir, "destroyed"))
	s.Expect(err).NotTo(HaveOccurred())
	s.Expect(strings.Fields(string(said))).To(Equal([]string{"workers", "control", "plane", "infrastructure"}))
}

// upgrade changes the version of the topology, and looks at what is told of it
// before and after it is done. The workers follow their control plane.
func (s *sandbox) upgrade(p *parts, pool *clusterv1.MachinePool) {
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
	s.get(s.WithT, pool.Name, pool)
	s.Expect(pool.Spec.Template.Spec.Version).To(Equal("v1.36.2"))
	s.expectNodes(pool, "v1.36.2", "v1.36.2", "v1.36.2")
	open()
	s.eventually(func(g Gomega) {
		s.get(g, p.plane.Name, p.plane)
		g.Expect(p.plane.Status.Versions).To(Equal([]clusterv1.StatusVersion{{Version: "v1.36.3"}}))
	})
	s.awaitTopology(p)
	s.awaitRunning(pool, 3, "v1.36.3")
	s.expectNodes(pool, "v1.36.3", "v1.36.3", "v1.36.3")
	s.eventually(func(g Gomega) {
		s.get(g, p.cluster.Name, p.cluster)
		g.Expect(p.cluster).To(hasCondition(clusterv1.ClusterRollingOutCondition, metav1.ConditionFalse, clusterv1.NotRollingOutReason))
	})
	s.expectRest(p)
}

// expectRest waits until all is at rest: the topology controller, whenever it
// reconciles, has no change to make, nor has anyone else.
func (s *sandbox) expectRest(p *parts) {
	s.Helper()
	s.checkInvariants()
	s.eventually(func(g Gomega) {
		s.get(g, p.cluster.Name, p.cluster)
		g.Expect(p.cluster).To(hasCondition(clusterv1.ClusterAvailableCondition, metav1.ConditionTrue, ""))
		before := s.versions()
		for i := range 3 {
			s.nudgeTopology(p, strconv.Itoa(i))
		}
		g.Expect(s.versions()).To(Equal(before))
	})
}

// nudgeTopology changes a variable that is in no patch, and returns when topology
// and control plane have been reconciled because of that.
func (s *sandbox) nudgeTopology(p *parts, note string) {
	s.Helper()
	since := time.Now()
	s.setVariable(p, "note", strconv.Quote(note))
	s.awaitTopology(p)
	s.eventually(func(g Gomega) {
		g.Expect(s.requests(since)).To(ContainElement("get secrets "+clusterName+"-kubeconfig"), "the control plane was reconciled")
	})
}
