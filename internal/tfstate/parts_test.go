package tfstate

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
)

// noise is a state of so many bytes when compressed, and a little more.
func noise(size int) []byte {
	random := make([]byte, size)
	_, _ = rand.Read(random)
	return []byte(hex.EncodeToString(random))
}

func contents(parts []Part) [][]byte {
	var data [][]byte
	for _, p := range parts {
		data = append(data, p.Data)
	}
	return data
}

func TestDividedState(t *testing.T) {
	g := NewWithT(t)
	s := NewSecret("ns", "x", nil)
	g.Expect(NextGroup(nil)).To(Equal(GroupA))
	g.Expect(NextGroup(s)).To(Equal(GroupA))

	first := noise(2*partSize + 1)
	parts, err := Encode(s, first, GroupA)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(parts).To(HaveLen(3))
	g.Expect(Parts(s)).To(Equal([]string{"tfstate-default-x-part-a-1", "tfstate-default-x-part-a-2", "tfstate-default-x-part-a-3"}))
	for i, name := range []string{"tfstate-default-x-part-a-1", "tfstate-default-x-part-a-2", "tfstate-default-x-part-a-3"} {
		g.Expect(parts[i].Name).To(Equal(name))
		g.Expect(len(parts[i].Data)).To(BeNumerically("<=", corev1.MaxSecretSize))
	}
	g.Expect(s.Data[StateKey][:2]).NotTo(Equal([]byte{0x1f, 0x8b}), "OpenTofu's backend must not take it for a state")
	g.Expect(Decode(s, contents(parts)...)).To(Equal(first))

	g.Expect(NextGroup(s)).To(Equal(GroupB))
	second, err := Encode(s, noise(partSize+1), GroupB)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(second[0].Name).To(Equal("tfstate-default-x-part-b-1"))
	g.Expect(NextGroup(s)).To(Equal(GroupA))

	g.Expect(Encode(s, []byte("small"), NextGroup(s))).To(BeEmpty())
	g.Expect(Parts(s)).To(BeEmpty())
	g.Expect(Decode(s)).To(Equal([]byte("small")))
}

func TestPartsThatDoNotBelongTogether(t *testing.T) {
	g := NewWithT(t)
	s := NewSecret("ns", "x", nil)
	parts, err := Encode(s, noise(2*partSize), GroupA)
	g.Expect(err).NotTo(HaveOccurred())
	data := contents(parts)
	_, err = Decode(s, data[:2]...)
	g.Expect(err).To(MatchError(ContainSubstring("not those it was divided into")))
	_, err = Decode(s, data[1], data[0], data[2])
	g.Expect(err).To(MatchError(ContainSubstring("not those it was divided into")))
}

func TestForgedListsOfParts(t *testing.T) {
	for _, list := range []string{`{`, `{}`, `{"group":"a","parts":9}`, `{"group":"a","parts":0}`, `{"group":"../x","parts":1}`} {
		g := NewWithT(t)
		s := NewSecret("ns", "x", nil)
		s.Data = map[string][]byte{StateKey: []byte(list)}
		_, err := Parts(s)
		g.Expect(err).To(MatchError(ContainSubstring("ns/tfstate-default-x")))
		_, err = Decode(s)
		g.Expect(err).To(HaveOccurred())
	}
}

func TestStateThatDoesNotFit(t *testing.T) {
	g := NewWithT(t)
	s := NewSecret("ns", "x", nil)
	g.Expect(Encode(s, []byte("old"), GroupA)).To(BeEmpty())

	g.Expect(Encode(s, bytes.Repeat([]byte("a"), 10*MaxSize), GroupA)).To(BeEmpty(), "it is the compressed size that counts")
	g.Expect(Encode(s, []byte("old"), GroupA)).To(BeEmpty())

	_, err := Encode(s, noise(MaxSize), GroupA)
	g.Expect(err).To(BeAssignableToTypeOf(&TooLargeError{}))
	g.Expect(err.(*TooLargeError).Size).To(BeNumerically(">", MaxSize))
	g.Expect(Decode(s)).To(Equal([]byte("old")))
}

func TestNearLimit(t *testing.T) {
	g := NewWithT(t)
	size, near := NearLimit(noise(MaxSize / 10 * 8))
	g.Expect(near).To(BeTrue())
	g.Expect(size).To(And(BeNumerically(">", MaxSize/10*8), BeNumerically("<", MaxSize)))
	for _, state := range [][]byte{nil, noise(MaxSize / 10 * 6), bytes.Repeat([]byte("a"), 2*MaxSize)} {
		_, near := NearLimit(state)
		g.Expect(near).To(BeFalse())
	}
}
