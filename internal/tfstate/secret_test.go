package tfstate

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestSecretAsOpenTofuWritesIt(t *testing.T) {
	g := NewWithT(t)
	s := NewSecret("ns", "x-abc", map[string]string{"mine": "yes", "tfstate": "no"})
	state := []byte(`{"version":4}`)
	g.Expect(Encode(s, state, GroupA)).To(BeEmpty())

	g.Expect(s.Namespace).To(Equal("ns"))
	g.Expect(s.Name).To(Equal("tfstate-default-x-abc"))
	g.Expect(s.Labels).To(Equal(map[string]string{
		"tfstate": "true", "tfstateSecretSuffix": "x-abc", "tfstateWorkspace": "default",
		"app.kubernetes.io/managed-by": "terraform", "mine": "yes",
	}))
	g.Expect(s.Finalizers).To(Equal([]string{Finalizer}))
	g.Expect(s.Annotations).To(Equal(map[string]string{"encoding": "gzip"}))
	g.Expect(s.Data).To(HaveLen(1))
	g.Expect(s.Data["tfstate"][:2]).To(Equal([]byte{0x1f, 0x8b}), "gzip")

	got, err := Decode(s)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(got).To(Equal(state))
}

func TestDecodeOfOddSecrets(t *testing.T) {
	g := NewWithT(t)
	s := NewSecret("ns", "x", nil)
	g.Expect(Decode(s)).To(BeNil())

	s.Data = map[string][]byte{StateKey: []byte("plain")}
	_, err := Decode(s)
	g.Expect(err).To(MatchError(ContainSubstring("Secret ns/tfstate-default-x")))
}

func TestProtectTwice(t *testing.T) {
	g := NewWithT(t)
	s := &corev1.Secret{}
	Protect(s, nil)
	Protect(s, map[string]string{"mine": "yes"})
	g.Expect(s.Finalizers).To(Equal([]string{Finalizer}))
	g.Expect(s.Labels).To(Equal(map[string]string{"mine": "yes"}))
	deleted := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &metav1.Time{}}}
	*deleted.DeletionTimestamp = metav1.Now()
	Protect(deleted, nil)
	g.Expect(deleted.Finalizers).To(BeEmpty(), "the API server would refuse it")
}
