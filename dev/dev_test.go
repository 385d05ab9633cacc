package main

import (
	"context"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
)

func TestKubeconfigsOfSeveralEnvironments(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	for _, want := range []string{"management.kubeconfig", "management-2.kubeconfig", "management-3.kubeconfig"} {
		file, err := createFirst(defaultKubeconfigs(dir))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(file.Close()).To(Succeed())
		g.Expect(file.Name()).To(Equal(filepath.Join(dir, want)))
		info, err := os.Stat(file.Name())
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(info.Mode()).To(Equal(fs.FileMode(0o600)))
	}
	only := func(yield func(string) bool) { yield(filepath.Join(dir, "management.kubeconfig")) }
	_, err := createFirst(only)
	g.Expect(err).To(MatchError(fs.ErrExist), "a file of somebody else is never written to")
	_, err = createFirst(defaultKubeconfigs(filepath.Join(dir, "missing")))
	g.Expect(err).To(MatchError(fs.ErrNotExist))
}

func TestWrongArguments(t *testing.T) {
	for name, args := range map[string][]string{
		"no such command":     {"dance"},
		"no such flag":        {"up", "--nonsense"},
		"something after it":  {"demo", "now"},
		"a value that is bad": {"demo", "--timeout", "long"},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(run(context.Background(), args)).To(MatchError(ContainSubstring("see go run ./dev")))
		})
	}
}

func TestHelpRunsNothing(t *testing.T) {
	g := NewWithT(t)
	for _, args := range [][]string{nil, {"help"}, {"--help"}, {"up", "--help"}, {"demo", "-h"}} {
		g.Expect(run(context.Background(), args)).To(Succeed())
	}
	ok, err := parse(flag.NewFlagSet("up", flag.ContinueOnError), "", nil)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(ok).To(BeTrue())
}
