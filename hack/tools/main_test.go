package main

import (
	"bytes"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/captproject/capt/hack/tools/toolbox"
)

func TestHelpNamesEveryVariable(t *testing.T) {
	g := NewWithT(t)
	for _, args := range [][]string{nil, {"help"}, {"--help"}, {"-h"}} {
		var stdout, stderr bytes.Buffer
		g.Expect(run(t.Context(), args, &stdout, &stderr)).To(Succeed())
		g.Expect(stdout.String()).To(And(
			ContainSubstring(toolbox.ToolsDirVariable),
			ContainSubstring(toolbox.AssetsVariable),
			ContainSubstring(toolbox.TofuVariable),
			ContainSubstring(toolbox.ClusterctlVariable),
		))
		g.Expect(stderr.String()).To(BeEmpty())
	}
}

func TestList(t *testing.T) {
	g := NewWithT(t)
	var stdout, stderr bytes.Buffer
	g.Expect(run(t.Context(), []string{"list"}, &stdout, &stderr)).To(Succeed())
	g.Expect(strings.Fields(stdout.String())).To(Equal(toolbox.Names()))
}

func TestWrongArguments(t *testing.T) {
	g := NewWithT(t)
	for _, args := range [][]string{{"buidl"}, {"path"}, {"path", "etcd", "tofu"}, {"list", "etcd"}} {
		g.Expect(run(t.Context(), args, nil, nil)).To(MatchError(errUsage), "%v", args)
	}
	g.Expect(run(t.Context(), []string{"path", "etdc"}, nil, nil)).To(MatchError(ContainSubstring(`unknown program "etdc"`)))
}
