package kubeconfig

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

func TestSecrets(t *testing.T) {
	g := NewWithT(t)
	kc := must(Judge(parts(nil), now))
	value := must(kc.Bytes("c"))
	secrets, err := Secrets(types.NamespacedName{Namespace: "ns", Name: "c"}, "p", kc)
	g.Expect(err).NotTo(HaveOccurred())

	want := map[string]map[string][]byte{
		"c-kubeconfig":               {"value": value},
		"p-control-plane-kubeconfig": {"value": value},
		"c-ca":                       {"tls.crt": pki.ca, "ca.crt": pki.ca},
	}
	g.Expect(secrets).To(HaveLen(3))
	g.Expect(secrets[0].Name).To(Equal("c-kubeconfig"), "the contract's comes first")
	for _, s := range secrets {
		g.Expect(s.Data).To(Equal(want[s.Name]), s.Name)
		g.Expect(s.Namespace).To(Equal("ns"))
		g.Expect(s.Type).To(BeEquivalentTo("cluster.x-k8s.io/secret"))
		g.Expect(s.Labels).To(Equal(map[string]string{"cluster.x-k8s.io/cluster-name": "c"}))
		g.Expect(s.OwnerReferences).To(BeEmpty())
	}
}

func TestSecretsWithoutCA(t *testing.T) {
	g := NewWithT(t)
	kc := must(Judge(parts(func(p *Parts) { p.CACertificate = nil }), now))
	secrets, err := Secrets(types.NamespacedName{Name: "c"}, "p", kc)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(secrets).To(HaveLen(2))
}

func TestSecretsOfOneName(t *testing.T) {
	g := NewWithT(t)
	kc := must(Judge(parts(nil), now))
	secrets, err := Secrets(types.NamespacedName{Name: "a-control-plane"}, "a", kc)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(secrets).To(HaveLen(2))
	g.Expect(secrets[0].Name).To(Equal("a-control-plane-kubeconfig"))
	g.Expect(secrets[1].Name).To(Equal("a-control-plane-ca"))
}

func TestUpToDate(t *testing.T) {
	kc := must(Judge(parts(nil), now))
	desired := must(Secrets(types.NamespacedName{Name: "c"}, "p", kc))[0]
	for name, tc := range map[string]struct {
		change func(s *corev1.Secret)
		want   bool
	}{
		"the same":        {func(*corev1.Secret) {}, true},
		"more labels":     {func(s *corev1.Secret) { s.Labels["team"] = "x"; s.Annotations = map[string]string{"a": "b"} }, true},
		"another value":   {func(s *corev1.Secret) { s.Data["value"] = []byte("x") }, false},
		"no data":         {func(s *corev1.Secret) { s.Data = nil }, false},
		"another key":     {func(s *corev1.Secret) { s.Data["more"] = nil }, false},
		"another type":    {func(s *corev1.Secret) { s.Type = corev1.SecretTypeOpaque }, false},
		"without label":   {func(s *corev1.Secret) { s.Labels = nil }, false},
		"another's label": {func(s *corev1.Secret) { s.Labels["cluster.x-k8s.io/cluster-name"] = "x" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			existing := desired.DeepCopy()
			tc.change(existing)
			NewWithT(t).Expect(UpToDate(existing, desired)).To(Equal(tc.want))
		})
	}
}
