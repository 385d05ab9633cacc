package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
)

func TestCPUTimeOfAProgramWithAStrangeName(t *testing.T) {
	g := NewWithT(t)
	const stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 1077 2 3 4 150 50 75 25 20 0 9 0 12345 1 2"
	g.Expect(parseCPU(stat, ofItself)).To(Equal(2.0))
	g.Expect(parseCPU(stat, ofChildren)).To(Equal(1.0))
	_, err := parseCPU("42 (short) S 1", ofItself)
	g.Expect(err).To(MatchError(ContainSubstring("unexpected process status")))
}

func TestFieldsOfProc(t *testing.T) {
	g := NewWithT(t)
	path := filepath.Join(t.TempDir(), "status")
	g.Expect(os.WriteFile(path, []byte("Name:\tbench\nVmRSS:\t    2048 kB\nmodel name\t: Some CPU: fast\n"), 0o600)).To(Succeed())
	g.Expect(kilobytes(path, "VmRSS")).To(Equal(2048.0 * 1024))
	g.Expect(field(path, "model name")).To(Equal("Some CPU: fast"))
	_, err := field(path, "VmHWM")
	g.Expect(err).To(MatchError(ContainSubstring("has no VmHWM")))
}

func TestThisProcessUsesMemory(t *testing.T) {
	g := NewWithT(t)
	now, peak, err := memory(os.Getpid())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(now).To(BeNumerically(">", 0))
	g.Expect(peak).To(BeNumerically(">=", now))
}

func TestFamilies(t *testing.T) {
	g := NewWithT(t)
	cmd := exec.Command("sleep", "600")
	g.Expect(cmd.Start()).To(Succeed())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	g.Expect(family(os.Getpid())).To(ContainElements(os.Getpid(), cmd.Process.Pid))
	g.Expect(family(os.Getppid())).To(ContainElement(cmd.Process.Pid))
	g.Expect(family(os.Getppid(), os.Getpid())).NotTo(ContainElement(cmd.Process.Pid))
	g.Expect(watchMemory(os.Getpid())()).To(BeNumerically(">", residentBytes(os.Getpid())/2))
}
