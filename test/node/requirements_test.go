package node

import (
	"os"
	"testing"

	. "github.com/onsi/gomega"
)

func TestWhatTheMachineLacksIsSaidInOneLine(t *testing.T) {
	g := NewWithT(t)
	g.Expect(checkMachine()).To(Succeed())
	t.Setenv("PATH", t.TempDir())
	g.Expect(checkMachine()).To(MatchError("a real node needs runc (Debian package runc), ip (Debian package iproute2)"))
}

func TestCIInstallsWhatIsNeeded(t *testing.T) {
	g := NewWithT(t)
	script, err := os.ReadFile("../../.ci/run")
	g.Expect(err).NotTo(HaveOccurred())
	for _, n := range needed {
		g.Expect(string(script)).To(MatchRegexp(`packages=\(.*\b%s\b`, n.pkg))
	}
}
