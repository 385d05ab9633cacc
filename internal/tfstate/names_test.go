package tfstate

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/util/validation"
)

func TestSuffix(t *testing.T) {
	for name, workspace := range map[string]string{
		"short":                    "a",
		"usual":                    "prod-control-plane",
		"ends in a number":         "prod-1",
		"has dots":                 "prod.example.com",
		"as long as names get":     strings.Repeat("a", 253),
		"cut within a dotted part": strings.Repeat("a", 49) + ".-b" + strings.Repeat("c", 50),
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			suffix := Suffix("default", workspace)
			g.Expect(validation.IsValidLabelValue(suffix)).To(BeEmpty())
			g.Expect(validation.IsDNS1123Subdomain(SecretName(suffix))).To(BeEmpty())
			g.Expect(validation.IsDNS1123Subdomain(LeaseName(suffix))).To(BeEmpty())
			g.Expect(suffix).NotTo(MatchRegexp(`-[0-9]+$`))
		})
	}
}

// The suffix is where a state is found again: it must never change.
func TestSuffixIsStable(t *testing.T) {
	g := NewWithT(t)
	g.Expect(Suffix("default", "prod-control-plane")).To(Equal("prod-control-plane-blglhkjagacc"))
	g.Expect(SecretName("x-abc")).To(Equal("tfstate-default-x-abc"))
	g.Expect(LeaseName("x-abc")).To(Equal("lock-tfstate-default-x-abc"))
}

func TestSuffixDependsOnBoth(t *testing.T) {
	g := NewWithT(t)
	g.Expect(Suffix("a", "x")).NotTo(Equal(Suffix("b", "x")))
	long := strings.Repeat("x", 100)
	g.Expect(Suffix("a", long+"1")).NotTo(Equal(Suffix("a", long+"2")))
}

func TestLettersHasNoDigits(t *testing.T) {
	g := NewWithT(t)
	for i := range 100 {
		g.Expect(letters(strings.Repeat("y", i))).To(MatchRegexp(`^[a-p]{12}$`))
	}
}

// A Role is made of them, so that they must not be those of another workspace.
func TestSecretNames(t *testing.T) {
	g := NewWithT(t)
	names := SecretNames(Suffix("default", strings.Repeat("a", 253)))
	g.Expect(names).To(HaveLen(1 + 2*MaxParts + KeptVersions*(1+MaxParts)))
	for _, name := range names {
		g.Expect(validation.IsDNS1123Subdomain(name)).To(BeEmpty())
	}
	g.Expect(SecretNames("x")).To(ContainElements(
		"tfstate-default-x", "tfstate-default-x-part-a-1", "tfstate-default-x-part-b-8",
		"tfstate-default-x-version-5", "tfstate-default-x-version-1-part-a-8",
	))
}
