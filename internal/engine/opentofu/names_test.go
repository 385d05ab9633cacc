package opentofu

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

func TestSequenceOf(t *testing.T) {
	for run, want := range map[string]int{
		"w-1": 1, "w-12": 12,
		"w": 0, "w-": 0, "w-x": 0, "w-1-1": 0, "w--1": 0, "w-0": 0, "v-1": 0, "ww-1": 0,
	} {
		NewWithT(t).Expect(sequenceOf("w", run)).To(Equal(want), run)
	}
	NewWithT(t).Expect(sequenceOf("w-1", runName("w-1", 7))).To(Equal(7))
}

func TestIsInputs(t *testing.T) {
	g := NewWithT(t)
	name := inputsName("w", strings.Repeat("ab", 32))
	g.Expect(name).To(Equal("w-inputs-ababababab"))
	g.Expect(isInputs("w", name)).To(BeTrue())
	for _, other := range []string{"w-outputs", "w-inputs-", "w-inputs-ababababab1", "v-inputs-ababababab", "w-2-inputs-ababababab"} {
		g.Expect(isInputs("w", other)).To(BeFalse(), other)
	}
}
