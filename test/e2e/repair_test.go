package e2e

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

var publishedSecrets = []string{clusterName + "-kubeconfig", planeName + "-control-plane-kubeconfig", clusterName + "-ca"}

func TestASecretThatIsDeletedOrCorruptedComesBack(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	s.readyCluster()
	runs := s.runNames()
	damages := []struct {
		name   string
		damage func(s *sandbox, secret *corev1.Secret)
	}{
		{"deleted", func(s *sandbox, secret *corev1.Secret) { s.Expect(env.Client.Delete(s.ctx, secret)).To(Succeed()) }},
		{"data overwritten", func(s *sandbox, secret *corev1.Secret) {
			s.change(secret, func() { secret.Data = map[string][]byte{"value": []byte("nonsense"), "tls.crt": []byte("nonsense")} })
		}},
		{"data removed", func(s *sandbox, secret *corev1.Secret) { s.change(secret, func() { secret.Data = nil }) }},
		{"key added", func(s *sandbox, secret *corev1.Secret) {
			s.change(secret, func() { secret.Data["more"] = []byte("x") })
		}},
		{"label removed", func(s *sandbox, secret *corev1.Secret) {
			s.change(secret, func() { delete(secret.Labels, clusterv1.ClusterNameLabel) })
		}},
		{"label changed", func(s *sandbox, secret *corev1.Secret) {
			s.change(secret, func() { metav1.SetMetaDataLabel(&secret.ObjectMeta, clusterv1.ClusterNameLabel, "other") })
		}},
		{"owner removed", func(s *sandbox, secret *corev1.Secret) { s.change(secret, func() { secret.OwnerReferences = nil }) }},
		{"another type", (*sandbox).replaceByOpaque},
	}
	for _, name := range publishedSecrets {
		original := s.secret(name)
		for _, d := range damages {
			t.Run(name+" "+d.name, func(t *testing.T) {
				s := s.in(t)
				d.damage(s, original.DeepCopy())
				s.eventually(func(g Gomega) {
					repaired := &corev1.Secret{}
					s.get(g, name, repaired)
					g.Expect(repaired.Type).To(Equal(original.Type))
					g.Expect(repaired.Data).To(Equal(original.Data))
					g.Expect(repaired.Labels).To(Equal(original.Labels))
					g.Expect(repaired.OwnerReferences).To(Equal(original.OwnerReferences))
				})
			})
		}
	}
	s.Expect(s.whoAmI(clusterName + "-kubeconfig")).To(Equal(s.user()))
	s.Expect(s.runNames()).To(Equal(runs), "no module was run for that")
}

// replaceByOpaque replaces a Secret by one of another type, which takes more
// than one try: it is repaired as soon as it is deleted.
func (s *sandbox) replaceByOpaque(secret *corev1.Secret) {
	opaque := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: secret.Namespace, Name: secret.Name, Labels: secret.Labels, OwnerReferences: secret.OwnerReferences},
		Data:       secret.Data,
		Type:       corev1.SecretTypeOpaque,
	}
	s.eventually(func(g Gomega) {
		g.Expect(client.IgnoreNotFound(env.Client.Delete(s.ctx, secret.DeepCopy()))).To(Succeed())
		g.Expect(env.Client.Create(s.ctx, opaque.DeepCopy())).To(Succeed())
	})
}

func TestABadKubeconfigNeverReplacesAGoodOne(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	p := s.readyCluster()
	good := s.secret(clusterName + "-kubeconfig")

	s.setCredential(s.kubeconfig(withExec))
	s.eventually(func(g Gomega) {
		s.get(g, p.plane.Name, p.plane)
		g.Expect(p.plane).To(hasCondition("KubeconfigReady", metav1.ConditionFalse, "ExecRefused"))
	})
	s.nudge(p)
	s.Expect(s.secret(clusterName + "-kubeconfig")).To(Equal(good))
	s.Expect(p.plane.Status.Initialization.ControlPlaneInitialized).To(HaveValue(BeTrue()), "that never goes back")

	s.setCredential(s.kubeconfig(nil))
	s.awaitReady(p)
	s.eventually(func(g Gomega) {
		g.Expect(s.secret(clusterName + "-kubeconfig").Data).NotTo(Equal(good.Data))
	})
	s.Expect(s.whoAmI(clusterName + "-kubeconfig")).To(Equal(s.user()))
}
