package e2e

import (
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
)

func TestTwoClustersOfOneNameInTwoNamespaces(t *testing.T) {
	t.Parallel()
	one, other := newSandbox(t), newSandbox(t)
	p, q := one.cheapParts(), other.cheapParts()
	one.start(p)
	other.start(q)
	one.awaitReady(p)
	other.awaitReady(q)

	for _, s := range []*sandbox{one, other} {
		for _, secret := range []string{clusterName + "-kubeconfig", planeName + "-control-plane-kubeconfig"} {
			s.Expect(s.whoAmI(secret)).To(Equal(s.user()), "each has its own")
		}
	}
	one.deleteAll()
	other.nudge(q)
	other.awaitReady(q)
	other.Expect(other.whoAmI(clusterName + "-kubeconfig")).To(Equal(other.user()))
}

func TestTheSecretIsNamedAfterTheClusterWhateverThePlaneIsCalled(t *testing.T) {
	t.Parallel()
	for name, planeName := range map[string]string{
		"another name":                   "shop-x7k2p",
		"the same name":                  clusterName,
		"the name of the other's Secret": clusterName + "-control-plane",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			p := s.cheapParts()
			p.plane.Name = planeName
			p.cluster.Spec.ControlPlaneRef.Name = planeName
			s.start(p)
			s.awaitReady(p)
			for _, secret := range []string{clusterName + "-kubeconfig", planeName + "-control-plane-kubeconfig"} {
				s.Expect(s.whoAmI(secret)).To(Equal(s.user()))
				s.expectPublished(secret, p.plane, "value")
			}
		})
	}
}

func TestAPlaneBesideAClusterWithTheNameOfItsSecret(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	p := s.cheapParts()
	// The administrators' Secret of the plane "shop" has the name of the
	// contract's Secret of the Cluster "shop-control-plane".
	p.plane.Name, p.cluster.Spec.ControlPlaneRef.Name = clusterName, clusterName
	s.start(p)
	s.awaitReady(p)
	q := s.another(p, clusterName+"-control-plane")
	s.create(q.infra, q.plane, q.cluster)
	s.awaitReady(q)

	s.eventually(func(g Gomega) {
		s.get(g, p.plane.Name, p.plane)
		g.Expect(p.plane).To(hasCondition("KubeconfigReady", "True", "SecretNameTaken", clusterName+"-control-plane-kubeconfig"))
	})
	s.expectPublished(clusterName+"-control-plane-kubeconfig", q.plane, "value")
	s.expectPublished(clusterName+"-kubeconfig", p.plane, "value")
	s.Expect(s.whoAmI(clusterName + "-kubeconfig")).To(Equal(s.user()))
}

// another is a further cluster with the template of p, not created yet.
func (s *sandbox) another(p *parts, name string) *parts {
	q := &parts{template: p.template, cluster: p.cluster.DeepCopy(), infra: p.infra.DeepCopy(), plane: p.plane.DeepCopy()}
	for _, object := range []interface {
		SetName(string)
		SetResourceVersion(string)
		SetOwnerReferences([]metav1.OwnerReference)
		SetFinalizers([]string)
		SetLabels(map[string]string)
	}{q.cluster, q.infra, q.plane} {
		object.SetName(name)
		object.SetResourceVersion("")
		object.SetOwnerReferences(nil)
		object.SetFinalizers(nil)
		object.SetLabels(nil)
	}
	q.plane.Spec.ControlPlaneEndpoint, q.cluster.Spec.ControlPlaneEndpoint = clusterv1.APIEndpoint{}, clusterv1.APIEndpoint{}
	q.cluster.Spec.InfrastructureRef.Name, q.cluster.Spec.ControlPlaneRef.Name = name, name
	return q
}
