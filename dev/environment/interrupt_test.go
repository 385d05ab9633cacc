package environment

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
)

func TestLaunchersAreThoseThatAPersonTypes(t *testing.T) {
	g := NewWithT(t)
	// A launcher is known by its name, so that a copy of any program will do.
	sleep, err := exec.LookPath("sleep")
	g.Expect(err).NotTo(HaveOccurred())
	program, err := os.ReadFile(sleep)
	g.Expect(err).NotTo(HaveOccurred())
	start := func(name string) *exec.Cmd {
		path := filepath.Join(t.TempDir(), name)
		g.Expect(os.WriteFile(path, program, 0o755)).To(Succeed())
		cmd := exec.Command(path, "60")
		g.Expect(cmd.Start()).To(Succeed())
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
		return cmd
	}
	launcher := start("make")
	g.Expect(launchers(launcher.Process.Pid)[0]).To(Equal(launcher.Process.Pid))
	g.Expect(launchers(start("bash").Process.Pid)).To(BeEmpty())

	ended := awaitEndOf(launcher.Process.Pid)
	g.Expect(ended).NotTo(Receive())
	g.Expect(launcher.Process.Kill()).To(Succeed())
	g.Eventually(ended).Should(Receive(BeNil()))
	g.Expect(launcher.Wait()).NotTo(Succeed())
	g.Expect(awaitEnd(launcher.Process.Pid)).To(Succeed(), "it has ended before")
}

func awaitEndOf(pid int) <-chan error {
	ended := make(chan error, 1)
	go func() { ended <- awaitEnd(pid) }()
	return ended
}
