package e2e

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/workspace"
)

// nodesModule makes Nodes in the cluster of localkubeModule.
const nodesModule = `
terraform {
  required_providers {
    localkube = { source = "captproject/localkube" }
  }
}

variable "namespace" {
  type = string
}

variable "machine_pool_name" {
  type = string
}

variable "kubernetes_version" {
  type = string
}

variable "replicas" {
  type    = number
  default = null # as many as there are
}

variable "labels" {
  type    = map(string)
  default = {}
}

variable "kubeconfig" {
  type      = string
  sensitive = true
}

provider "localkube" {
  kubeconfig = var.kubeconfig
}

resource "localkube_node_pool" "this" {
  cluster            = var.namespace
  name               = var.machine_pool_name
  kubernetes_version = var.kubernetes_version
  replicas           = var.replicas
  labels             = var.labels
}

output "provider_id_list" {
  value = localkube_node_pool.this.provider_id_list
}

output "replicas" {
  value = localkube_node_pool.this.replicas
}
`

// machinePool is a MachinePool of the cluster of parts, and what it refers to.
func machinePool(name string, replicas int32) (*clusterv1.MachinePool, *infrav1.CAPTMachinePool) {
	infra := &infrav1.CAPTMachinePool{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: infrav1.CAPTMachinePoolSpec{MachinePoolModuleSpec: infrav1.MachinePoolModuleSpec{
			WorkspaceTemplateRef: infrav1.WorkspaceTemplateReference{Name: "nodes"},
		}},
	}
	return &clusterv1.MachinePool{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: clusterv1.MachinePoolSpec{
			ClusterName: clusterName, Replicas: ptr.To(replicas),
			Template: clusterv1.MachineTemplateSpec{Spec: clusterv1.MachineSpec{
				ClusterName: clusterName, Version: "v1.36.3",
				Bootstrap: clusterv1.Bootstrap{DataSecretName: ptr.To("")},
				InfrastructureRef: clusterv1.ContractVersionedObjectReference{
					APIGroup: infrav1.GroupVersion.Group, Kind: "CAPTMachinePool", Name: name,
				},
			}},
		},
	}, infra
}

// awaitRunning waits until Cluster API finds so many Nodes of the version, and
// that they are as many as are wanted.
func (s *sandbox) awaitRunning(pool *clusterv1.MachinePool, replicas int32, version string) {
	s.Helper()
	s.eventually(func(g Gomega) {
		s.get(g, pool.Name, pool)
		g.Expect(pool.Spec.Replicas).To(HaveValue(Equal(replicas)))
		g.Expect(pool.Status.Phase).To(Equal(string(clusterv1.MachinePoolPhaseRunning)))
		g.Expect(pool.Status.NodeRefs).To(HaveLen(int(replicas)))
		g.Expect(pool.Spec.ProviderIDList).To(HaveLen(int(replicas)))
		g.Expect(pool.Status.Replicas).To(HaveValue(Equal(replicas)))
		g.Expect(pool.Status.Versions).To(HaveExactElements(And(HaveField("Version", version), HaveField("Replicas", replicas))))
	})
}

// nodes are the names of the Nodes of a pool.
func (s *sandbox) nodes(workload kubernetes.Interface, pool string) (names []string) {
	s.Helper()
	list, err := workload.CoreV1().Nodes().List(s.ctx, metav1.ListOptions{LabelSelector: "localkube.captproject.io/pool=" + pool})
	s.Expect(err).NotTo(HaveOccurred())
	for _, node := range list.Items {
		names = append(names, node.Name)
	}
	return names
}

func TestAMachinePoolRunsIsChangedAndGoesBeforeItsCluster(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	p := s.localkubeParts()
	nodes := template("nodes", nodesModule)
	nodes.Spec.Template.Spec.ForProvider.Env = p.module().Env
	pool, infra := machinePool("workers", 2)
	s.start(p)
	s.create(nodes, infra, pool)
	s.awaitRunning(pool, 2, "v1.36.3")
	workload := s.published(clusterName + "-kubeconfig")
	s.Expect(s.nodes(workload, pool.Name)).To(Equal([]string{"workers-0", "workers-1"}))

	s.change(pool, func() { pool.Spec.Replicas = ptr.To[int32](3) })
	s.awaitRunning(pool, 3, "v1.36.3")

	s.change(pool, func() { pool.Spec.Template.Spec.Version = "v1.37.0" })
	s.awaitRunning(pool, 3, "v1.37.0")

	s.autoscale(workload, pool)

	s.delete(pool)
	s.eventually(func(g Gomega) { g.Expect(s.poolRemains()).To(BeEmpty()) })
	s.Expect(s.nodes(workload, pool.Name)).To(BeEmpty())

	pool, infra = machinePool("others", 1)
	s.create(infra, pool)
	s.awaitRunning(pool, 1, "v1.36.3")
	s.delete(p.cluster)
	s.eventually(func(g Gomega) { g.Expect(s.remains()).To(BeEmpty()) })
	s.Expect(s.warnings()).NotTo(ContainElement(ContainSubstring("DestroyFailed")), "Nodes are deleted while there is an API server")
}

// autoscale adds a Node behind the back of Cluster API and of the module, as an
// autoscaler does.
func (s *sandbox) autoscale(workload kubernetes.Interface, pool *clusterv1.MachinePool) {
	s.Helper()
	s.change(pool, func() {
		pool.Annotations = map[string]string{clusterv1.ReplicasManagedByAnnotation: "external-autoscaler"}
	})
	apply := &infrav1.WorkspaceTemplateApply{}
	s.eventually(func(g Gomega) {
		s.get(g, workspace.OfMachinePool(pool.Name), apply)
		g.Expect(apply.Spec.Values).NotTo(HaveKey("replicas"))
		g.Expect(apply).To(hasCondition(infrav1.ReadyCondition, metav1.ConditionTrue, ""))
		g.Expect(apply.Status.ObservedGeneration).To(Equal(apply.Generation))
	})
	_, err := workload.CoreV1().Nodes().Create(s.ctx, &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "workers-7", Labels: map[string]string{"localkube.captproject.io/pool": pool.Name}},
		Spec:       corev1.NodeSpec{ProviderID: "localkube://" + s.ns + "/workers/7"},
		Status: corev1.NodeStatus{
			NodeInfo:   corev1.NodeSystemInfo{KubeletVersion: "v1.37.0"},
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}, metav1.CreateOptions{})
	s.Expect(err).NotTo(HaveOccurred())
	s.change(apply, func() {
		metav1.SetMetaDataAnnotation(&apply.ObjectMeta, infrav1.ApplyRequestAnnotation, "one Node more")
	})
	s.awaitRunning(pool, 4, "v1.37.0")
	s.Expect(s.nodes(workload, pool.Name)).To(HaveLen(4))
}

// poolRemains are the objects of the machine pools.
func (s *sandbox) poolRemains() []string {
	s.Helper()
	pools, infra, apply := &clusterv1.MachinePoolList{}, &infrav1.CAPTMachinePoolList{}, &infrav1.WorkspaceTemplateApplyList{}
	s.list(pools)
	s.list(infra)
	s.list(apply)
	var names []string
	for _, pool := range pools.Items {
		names = append(names, "MachinePool "+pool.Name)
	}
	for _, pool := range infra.Items {
		names = append(names, "CAPTMachinePool "+pool.Name)
	}
	for i := range apply.Items {
		if apply.Items[i].Name == workspace.OfMachinePool("workers") {
			names = append(names, "WorkspaceTemplateApply "+apply.Items[i].Name)
		}
	}
	return names
}
