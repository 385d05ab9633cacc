package e2e

import (
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/workspace"
)

// workersModule is what follows nodesModule for a class. It gets what the control
// plane's module has seen.
const workersModule = `
variable "seen" {
  type = string
}

output "seen" {
  value = var.seen
}
`

// lastWords is a part of a module that says who it was when it is destroyed.
func (s *sandbox) lastWords(who string) string {
	return provisioned(s.dir, "true", "echo "+who+" >> $dir/destroyed")
}

// pool is the MachinePool of the topology, under the name that Cluster API gave it.
func (s *sandbox) pool() *clusterv1.MachinePool {
	s.Helper()
	list := &clusterv1.MachinePoolList{}
	s.eventually(func(g Gomega) {
		s.list(list)
		g.Expect(list.Items).To(HaveLen(1))
	})
	return &list.Items[0]
}

// expectNodes asserts that the pool has Nodes of these versions, and that there
// are no others in the cluster.
func (s *sandbox) expectNodes(pool *clusterv1.MachinePool, versions ...string) {
	s.Helper()
	var found []string
	for _, node := range s.allNodes() {
		s.Expect(node.Name).To(HavePrefix(pool.Name + "-"))
		found = append(found, node.Status.NodeInfo.KubeletVersion)
	}
	s.Expect(found).To(Equal(versions))
}

// allNodes are the Nodes of the cluster.
func (s *sandbox) allNodes() []corev1.Node {
	s.Helper()
	list, err := s.published(clusterName+"-kubeconfig").CoreV1().Nodes().List(s.ctx, metav1.ListOptions{})
	s.Expect(err).NotTo(HaveOccurred())
	return list.Items
}

// workers is the workspace of the pool.
func (s *sandbox) workers(g Gomega, pool *clusterv1.MachinePool) *infrav1.WorkspaceTemplateApply {
	apply := &infrav1.WorkspaceTemplateApply{}
	s.get(g, workspace.OfMachinePool(pool.Spec.Template.Spec.InfrastructureRef.Name), apply)
	return apply
}

// changeWorkers changes the number of workers, and a variable that reaches their
// module alone.
func (s *sandbox) changeWorkers(p *parts, pool *clusterv1.MachinePool) {
	s.Helper()
	number, workersNumber := s.runNumber(p), s.runNumberOf(s.workers(s.WithT, pool))
	s.change(p.cluster, func() { p.cluster.Spec.Topology.Workers.MachinePools[0].Replicas = ptr.To[int32](3) })
	s.awaitRunning(pool, 3, "v1.36.2")
	s.expectNodes(pool, "v1.36.2", "v1.36.2", "v1.36.2")

	s.setVariable(p, "labels", `{"team":"a"}`)
	s.eventually(func(g Gomega) {
		g.Expect(s.allNodes()).To(And(HaveLen(3), HaveEach(HaveField("Labels", HaveKeyWithValue("team", "a")))))
	})
	s.setVariable(p, "labels", `{}`)
	s.eventually(func(g Gomega) {
		g.Expect(s.allNodes()).To(And(HaveLen(3), HaveEach(HaveField("Labels", Not(HaveKey("team"))))))
	})
	s.expectRest(p)
	s.Expect(s.runNumberOf(s.workers(s.WithT, pool))).To(Equal(workersNumber+3), "each change is one run")
	s.Expect(s.runNumber(p)).To(Equal(number), "the control plane has no part in it")
}
