package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

func TestGuardRemovesTheRootAndWhatItWasTold(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	for _, file := range []string{"tree/a/file", "kept/file", "full/file", "file"} {
		g.Expect(os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755)).To(Succeed())
		g.Expect(os.WriteFile(filepath.Join(dir, file), nil, 0o600)).To(Succeed())
	}
	g.Expect(os.Mkdir(filepath.Join(dir, "empty"), 0o755)).To(Succeed())

	orders, told := io.Pipe()
	answer, out := io.Pipe()
	done := make(chan error)
	go func() { done <- guard(orders, out) }()

	line, err := bufio.NewReader(answer).ReadString('\n')
	g.Expect(err).NotTo(HaveOccurred())
	root := strings.TrimSpace(line)
	g.Expect(os.WriteFile(filepath.Join(root, "file"), nil, 0o600)).To(Succeed())
	for _, order := range []string{"remove tree", "remove kept", "remove-empty full", "remove-empty empty", "remove-empty file", "keep kept"} {
		verb, name, _ := strings.Cut(order, " ")
		_, err := fmt.Fprintf(told, "%s %s\n", verb, filepath.Join(dir, name))
		g.Expect(err).NotTo(HaveOccurred())
	}
	g.Expect(done).NotTo(Receive(), "it waits for the end of its input")

	g.Expect(told.Close()).To(Succeed())
	g.Expect(<-done).To(Succeed())
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(left).To(ConsistOf(filepath.Join(dir, "kept"), filepath.Join(dir, "full")))
}
