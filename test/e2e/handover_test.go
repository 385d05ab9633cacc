package e2e

import (
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/workspace"
)

const seenNetwork = `
variable "network_id" {
  type = string
}

output "seen" {
  value = var.network_id
}
`

func TestInfrastructureIsHandedOver(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	p := s.cheapParts()
	p.module().Module += seenNetwork
	network := template("network", networkModule+s.lastWords("infrastructure"))
	network.Spec.Template.Spec.ForProvider.Env = nil
	p.infra.Spec = infrav1.CAPTClusterSpec{
		WorkspaceTemplateRef: &infrav1.WorkspaceTemplateReference{Name: network.Name},
		Variables:            map[string]string{"network": "blue"},
	}
	s.create(network)
	s.start(p)
	s.awaitReady(p)
	s.Expect(s.outputs(p)).To(HaveKeyWithValue("seen", "blue"))

	s.handOver(p)
	s.awaitReady(p)
	s.Expect(s.outputs(p)).To(HaveKeyWithValue("seen", "blue"))
	s.Expect(s.apply(s.WithT, p).Spec.VariablesFrom).To(BeEmpty())

	s.delete(p.cluster)
	s.eventually(func(g Gomega) {
		g.Expect(apierrors.IsNotFound(env.Client.Get(s.ctx, client.ObjectKeyFromObject(p.cluster), &clusterv1.Cluster{}))).To(BeTrue())
	})
	s.Expect(filepath.Join(s.dir, "destroyed")).NotTo(BeAnExistingFile())
	s.expectStatesOnly()
}

// handOver does what docs/kinds/captcluster.md says.
func (s *sandbox) handOver(p *parts) {
	s.Helper()
	made := &infrav1.WorkspaceTemplateApply{}
	s.change(p.infra, func() { p.infra.Spec.RetainVPCOnDelete = ptr.To(true) })
	s.eventually(func(g Gomega) {
		s.get(g, workspace.OfCluster(p.infra.Name), made)
		g.Expect(made.Spec.RetainWorkspaceOnDelete).To(HaveValue(BeTrue()))
	})
	s.change(p.cluster, func() { p.cluster.Spec.Paused = ptr.To(true) })
	s.change(p.infra, func() {
		metav1.SetMetaDataAnnotation(&p.infra.ObjectMeta, clusterv1.ManagedByAnnotation, "somebody")
		p.infra.Finalizers = nil
	})
	s.change(p.plane, func() { p.plane.Spec.Variables = map[string]string{"network_id": "blue"} })
	s.change(p.cluster, func() { p.cluster.Spec.Paused = nil })
	s.delete(made)
	s.eventually(func(g Gomega) {
		g.Expect(apierrors.IsNotFound(env.Client.Get(s.ctx, client.ObjectKeyFromObject(made), made))).To(BeTrue())
	})
}
