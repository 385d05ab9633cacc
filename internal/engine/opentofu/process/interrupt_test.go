package process

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/captproject/capt/internal/engine/opentofu"
)

func TestARunnerIsInterrupted(t *testing.T) {
	s := newSite(t)
	s.Expect(s.executor.Interrupt(t.Context(), s.run)).To(Succeed(), "nothing was started")
	s.ensure()
	s.answer()
	s.Expect(s.newExecutor().Interrupt(t.Context(), s.run)).To(Succeed(), "also after a restart of the manager")
	s.ended(s.executor)
	s.Expect(s.ensure().State).To(Equal(opentofu.ExecutionLost), "this one does not survive SIGTERM")
	s.Expect(s.executor.Interrupt(t.Context(), s.run)).To(Succeed(), "it is safe to repeat")
}

func TestOnlyTheRunnerIsInterrupted(t *testing.T) {
	for name, where := range map[string]string{
		"the id is another process's": fmt.Sprintf(whereFormat, os.Getpid(), "HOST"),
		"it was started elsewhere":    fmt.Sprintf(whereFormat, os.Getpid(), "elsewhere"),
		"it was not noted":            "",
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.Expect(os.MkdirAll(s.dir(), 0o700)).To(Succeed())
			if where == fmt.Sprintf(whereFormat, os.Getpid(), "HOST") {
				where = fmt.Sprintf(whereFormat, os.Getpid(), s.host)
			}
			s.Expect(os.WriteFile(filepath.Join(s.dir(), startedFile), []byte(where), 0o600)).To(Succeed())
			s.Expect(s.executor.Interrupt(t.Context(), s.run)).To(Succeed(), "or this test would end")
		})
	}
}
