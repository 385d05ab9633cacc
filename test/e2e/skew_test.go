package e2e

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/captproject/capt/dev/environment"
)

// wrongClock starts a manager in the place of the usual one whose clock is wrong,
// and returns how to set it.
func wrongClock(t *testing.T, offset time.Duration) (set func(time.Duration)) {
	t.Helper()
	g := NewWithT(t)
	program, err := env.BuildManager(t.Context(), "./test/clock/manager")
	g.Expect(err).NotTo(HaveOccurred())
	clock := filepath.Join(env.Root, "clock")
	set = func(offset time.Duration) {
		g.Expect(os.WriteFile(clock+".next", []byte(offset.String()), 0o600)).To(Succeed())
		g.Expect(os.Rename(clock+".next", clock)).To(Succeed())
	}
	set(offset)
	stopManager(t, syscall.SIGTERM)
	kubeconfig, err := env.ManagerKubeconfig(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
	manager, err := env.RunManager(context.WithoutCancel(t.Context()), environment.ManagerOptions{
		Name: "capt-manager-wrong-clock", Program: program, Kubeconfig: kubeconfig, Variables: []string{"CAPT_TEST_CLOCK=" + clock},
	})
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { g.Expect(manager.Stop(syscall.SIGTERM)).To(Succeed()) })
	return set
}

// A clock that is a minute behind takes half of three minutes to have passed 30 s
// before they have.
func TestNoClientFailsThoughTheClockIsAMinuteOff(t *testing.T) {
	set := wrongClock(t, -time.Minute)
	s := newSandbox(t)
	p := s.shortParts(3 * time.Minute)
	s.start(p)
	s.awaitReady(p)
	consumers := []*consumer{{every: 0}, {every: 10 * time.Second}}
	s.keepUsing(consumers, 165*time.Second)
	for _, c := range consumers {
		s.Expect(c.seen).To(Equal(2), "renewed late, and in time")
	}
	// The module makes a new token when half of its life is over, and not before.
	asked := len(s.runNames())
	set(time.Minute)
	s.keepUsing(consumers, 50*time.Second)
	s.Expect(len(s.runNames())).To(BeNumerically(">", asked), "asked for early")
	s.Expect(s.warnings()).To(BeEmpty())
}
