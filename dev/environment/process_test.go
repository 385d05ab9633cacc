package environment

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	. "github.com/onsi/gomega"
)

func TestAProgramThatEndsBeforeItIsReadyShowsItsLog(t *testing.T) {
	g := NewWithT(t)
	p, err := startProcess(exec.Command("sh", "-c", "for i in $(seq 30); do echo line $i; done; echo no luck >&2; exit 3"), t.TempDir(), "unlucky")
	g.Expect(err).NotTo(HaveOccurred())
	err = p.waitReady(t.Context(), func(context.Context) error { return errors.New("not yet") })
	g.Expect(err).To(MatchError(And(
		ContainSubstring("unlucky ended by itself: exit status 3"),
		ContainSubstring("no luck"),
		ContainSubstring("line 30"),
		Not(ContainSubstring("line 1\n")),
	)))
	g.Expect(strings.Count(err.Error(), "\n")).To(Equal(tailLines + 2))
}

func TestAProgramIsToldToEnd(t *testing.T) {
	g := NewWithT(t)
	p, err := startProcess(exec.Command("sleep", "60"), t.TempDir(), "sleep")
	g.Expect(err).NotTo(HaveOccurred())
	e := &Environment{failed: make(chan error, 1)}
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		e.watch(p)
	}()
	g.Expect(p.stop(syscall.SIGTERM)).To(Succeed())
	<-watched
	g.Expect(e.Failed()).NotTo(Receive())
	g.Expect(p.stop(syscall.SIGTERM)).To(Succeed(), "it has ended")
}

func TestAProgramThatEndsByItselfIsReported(t *testing.T) {
	g := NewWithT(t)
	p, err := startProcess(exec.Command("true"), t.TempDir(), "short")
	g.Expect(err).NotTo(HaveOccurred())
	e := &Environment{failed: make(chan error, 1)}
	e.watch(p)
	g.Expect(e.Failed()).To(Receive(MatchError(ContainSubstring("short ended by itself: it exited"))))
}
