package tfstate

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"testing"

	. "github.com/onsi/gomega"
)

func TestSecretAsOpenTofuWritesIt(t *testing.T) {
	g := NewWithT(t)
	s := NewSecret("ns", "x-abc", map[string]string{"mine": "yes", "tfstate": "no"})
	state := []byte(`{"version":4}`)
	g.Expect(Encode(s, state)).To(Succeed())

	g.Expect(s.Namespace).To(Equal("ns"))
	g.Expect(s.Name).To(Equal("tfstate-default-x-abc"))
	g.Expect(s.Labels).To(Equal(map[string]string{
		"tfstate": "true", "tfstateSecretSuffix": "x-abc", "tfstateWorkspace": "default",
		"app.kubernetes.io/managed-by": "terraform", "mine": "yes",
	}))
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

func TestStateThatDoesNotFit(t *testing.T) {
	g := NewWithT(t)
	s := NewSecret("ns", "x", nil)
	g.Expect(Encode(s, []byte("old"))).To(Succeed())

	g.Expect(Encode(s, bytes.Repeat([]byte("a"), 10*MaxSize))).To(Succeed(), "it is the compressed size that counts")
	g.Expect(Encode(s, []byte("old"))).To(Succeed())

	noise := make([]byte, MaxSize)
	_, _ = rand.Read(noise)
	var tooLarge *TooLargeError
	err := Encode(s, []byte(hex.EncodeToString(noise)))
	g.Expect(err).To(BeAssignableToTypeOf(tooLarge))
	g.Expect(err.(*TooLargeError).Size).To(BeNumerically(">", MaxSize))
	g.Expect(Decode(s)).To(Equal([]byte("old")))
}
