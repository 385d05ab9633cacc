package tfstate

import (
	"testing"

	. "github.com/onsi/gomega"
)

func TestVersionsAreKeptInTurn(t *testing.T) {
	g := NewWithT(t)
	s := NewSecret("ns", "x", nil)
	var numbers []int
	for range KeptVersions + 2 {
		numbers = append(numbers, NextVersion(s))
		SetLastVersion(s, NextVersion(s))
	}
	g.Expect(numbers).To(Equal([]int{1, 2, 3, 4, 5, 1, 2}))
	s.Annotations[versionKey] = "99"
	g.Expect(NextVersion(s)).To(Equal(1))
}

func TestVersionOf(t *testing.T) {
	g := NewWithT(t)
	g.Expect(VersionOf([]byte(`{"version":4,"serial":7,"lineage":"l"}`))).To(Equal(Version{Lineage: "l", Serial: 7}))
	g.Expect(VersionOf([]byte(`{"serial":8,"lineage":"l","encrypted_data":"x"}`))).To(Equal(Version{Lineage: "l", Serial: 8}))
	for _, state := range []string{"", "{", "{}", `{"serial":7}`} {
		_, err := VersionOf([]byte(state))
		g.Expect(err).To(HaveOccurred())
	}
}

func TestAFirstStateGetsALineage(t *testing.T) {
	g := NewWithT(t)
	const known = `{"version":4,"serial":7,"lineage":"l"}`
	g.Expect(WithLineage([]byte(known))).To(BeEquivalentTo(known))
	state, err := WithLineage([]byte(`{"version":4,"serial":1,"lineage":"","outputs":{"n":{"value":9007199254740993}}}`))
	g.Expect(err).NotTo(HaveOccurred())
	version, err := VersionOf(state)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(version.Serial).To(BeEquivalentTo(1))
	g.Expect(version.Lineage).To(HaveLen(36))
	g.Expect(string(state)).To(ContainSubstring("9007199254740993"))
	g.Expect(WithLineage([]byte(`{"version":4,"serial":1,"lineage":"","outputs":{"n":{"value":9007199254740993}}}`))).To(Equal(state), "each time")
	for _, state := range []string{"", "{", "{}", `{"serial":7`} {
		_, err := WithLineage([]byte(state))
		g.Expect(err).To(HaveOccurred())
	}
}

func TestDescribeVersion(t *testing.T) {
	g := NewWithT(t)
	s := NewSecret("ns", "x", nil)
	DescribeVersion(s, []byte(`{"serial":7,"lineage":"l"}`), "w-3")
	g.Expect(s.Annotations).To(Equal(map[string]string{
		"infrastructure.cluster.x-k8s.io/state-serial": "7", "infrastructure.cluster.x-k8s.io/replaced-by": "w-3",
	}))
}
