package node

import (
	"testing"

	. "github.com/onsi/gomega"
)

func TestWhatTheMachineLacksIsSaidInOneLine(t *testing.T) {
	g := NewWithT(t)
	g.Expect(checkMachine()).To(Succeed())
	t.Setenv("PATH", t.TempDir())
	g.Expect(checkMachine()).To(MatchError("a real node needs runc (Debian package runc), ip (Debian package iproute2)"))
}
