package e2e

import (
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/hack/tools/toolbox"
)

// applyExample applies examples/localkube: the Cluster hello with its plane
// hello-plane.
func (s *sandbox) applyExample() {
	s.Helper()
	envMutex.Lock()
	defer envMutex.Unlock()
	_, err := env.Run(s.ctx, toolbox.Kubectl, "apply", "-n", s.ns, "-f", filepath.Join("examples", "localkube"))
	s.Expect(err).NotTo(HaveOccurred())
}

func TestFromCreationToAWorkingClientAndBackToNothing(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	s.applyExample()

	cluster := &clusterv1.Cluster{}
	s.eventually(func(g Gomega) {
		s.get(g, "hello", cluster)
		g.Expect(cluster).To(hasCondition(clusterv1.ClusterAvailableCondition, metav1.ConditionTrue, ""))
		g.Expect(cluster).To(hasCondition(clusterv1.ClusterRemoteConnectionProbeCondition, metav1.ConditionTrue, ""))
	})
	plane := &controlplanev1.CAPTControlPlane{}
	s.get(s.WithT, "hello-plane", plane)

	// The contract of Cluster API.
	s.Expect(plane.Status.Initialization.ControlPlaneInitialized).To(HaveValue(BeTrue()))
	s.Expect(plane.Status.ExternalManagedControlPlane).To(HaveValue(BeTrue()))
	s.Expect(plane.Spec.ControlPlaneEndpoint.Host).To(Equal("127.0.0.1"))
	s.Expect(plane.Spec.ControlPlaneEndpoint.Port).To(BeNumerically(">", 0))
	s.Expect(cluster.Spec.ControlPlaneEndpoint).To(Equal(plane.Spec.ControlPlaneEndpoint))
	infra := &infrav1.CAPTCluster{}
	s.get(s.WithT, "hello", infra)
	s.Expect(infra.Status.Initialization.Provisioned).To(HaveValue(BeTrue()))

	// The Secrets.
	published := s.expectPublished("hello-kubeconfig", plane, "value")
	s.Expect(s.expectPublished("hello-plane-control-plane-kubeconfig", plane, "value").Data).To(Equal(published.Data))
	ca := s.expectPublished("hello-ca", plane, corev1.TLSCertKey, corev1.ServiceAccountRootCAKey)
	s.Expect(string(ca.Data[corev1.TLSCertKey])).To(HavePrefix("-----BEGIN CERTIFICATE-----"))
	s.Expect(ca.Data[corev1.ServiceAccountRootCAKey]).To(Equal(ca.Data[corev1.TLSCertKey]))

	// The client.
	workload := s.published("hello-kubeconfig")
	version, err := workload.Discovery().ServerVersion()
	s.Expect(err).NotTo(HaveOccurred())
	s.Expect(plane.Status.Version).To(Equal(version.GitVersion))
	_, err = workload.CoreV1().ConfigMaps(metav1.NamespaceDefault).Create(s.ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "made"}}, metav1.CreateOptions{})
	s.Expect(err).NotTo(HaveOccurred(), "an administrator may write")
	namespaces, err := workload.CoreV1().Namespaces().List(s.ctx, metav1.ListOptions{})
	s.Expect(err).NotTo(HaveOccurred())
	for _, namespace := range namespaces.Items {
		s.Expect(namespace.Name).NotTo(Equal(s.ns), "it is another cluster than the management cluster")
	}

	// Its end: the processes are seen, then gone.
	s.checkInvariants()
	s.Expect(s.traces()).NotTo(BeEmpty(), "a cluster that runs is seen")
	s.Expect(env.Client.Delete(s.ctx, cluster)).To(Succeed())
	s.eventually(func(g Gomega) { g.Expect(s.remains()).To(BeEmpty()) })
	_, err = workload.Discovery().ServerVersion()
	s.Expect(err).To(HaveOccurred(), "the workload cluster is gone")
}

// expectPublished asserts that a Secret is as the contract wants it, with
// exactly these keys, and returns it.
func (s *sandbox) expectPublished(name string, plane *controlplanev1.CAPTControlPlane, keys ...string) *corev1.Secret {
	s.Helper()
	secret := s.secret(name)
	s.Expect(secret.Type).To(Equal(clusterv1.ClusterSecretType))
	s.Expect(secret.Labels).To(HaveKeyWithValue(clusterv1.ClusterNameLabel, plane.Labels[clusterv1.ClusterNameLabel]))
	s.Expect(secret.OwnerReferences).To(HaveLen(1))
	s.Expect(metav1.IsControlledBy(secret, plane)).To(BeTrue(), "the control plane owns Secret %s", name)
	s.Expect(secret.Data).To(HaveLen(len(keys)))
	for _, key := range keys {
		s.Expect(secret.Data).To(HaveKeyWithValue(key, Not(BeEmpty())))
	}
	return secret
}
