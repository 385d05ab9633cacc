package process

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// never is longer than any test may take.
const never = time.Hour

func TestLaunchedProgramIsRecordedAndDetached(t *testing.T) {
	g := NewWithT(t)
	_, identity := launch(t, "run")

	g.Expect(identity.Running()).To(BeTrue())
	g.Expect(identity.PID).NotTo(Equal(os.Getpid()))
	session, _, errno := syscall.Syscall(syscall.SYS_GETSID, uintptr(identity.PID), 0, 0)
	g.Expect(errno).To(BeZero())
	g.Expect(int(session)).To(Equal(identity.PID), "it must lead a session of its own")

	environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", identity.PID))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(environment).To(BeEmpty())
}

func TestLaunchedProgramDoesNotKeepTheLock(t *testing.T) {
	g := NewWithT(t)
	_, identity := launch(t, "run")
	descriptors, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", identity.PID))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(descriptors).NotTo(BeEmpty())
	for _, descriptor := range descriptors {
		target, err := os.Readlink(descriptor)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(filepath.Base(target)).NotTo(Equal("hold"))
	}
}

func TestStopAsksFirst(t *testing.T) {
	g := NewWithT(t)
	child, identity := launch(t, "run")
	g.Expect(identity.Stop(never)).To(Succeed())
	g.Expect(identity.Running()).To(BeFalse())
	g.Eventually(child.Exited()).Should(BeClosed())
	g.Expect(child.Err()).To(MatchError("signal: terminated"))
	g.Expect(identity.Stop(never)).To(Succeed(), "stopping again does nothing")
}

func TestStopKillsWhatDoesNotEnd(t *testing.T) {
	g := NewWithT(t)
	child, identity := launch(t, "ignore-term")
	g.Eventually(directoryOf(identity) + "/ignoring").Should(BeAnExistingFile())
	g.Expect(identity.Stop(0)).To(Succeed())
	g.Eventually(child.Exited()).Should(BeClosed())
	g.Expect(child.Err()).To(MatchError("signal: killed"))
}

func TestStopSparesAnotherProcessWithThePID(t *testing.T) {
	g := NewWithT(t)
	_, identity := launch(t, "run")
	earlier := Identity{PID: identity.PID, StartTime: identity.StartTime - 1}
	g.Expect(earlier.Stop(0)).To(Succeed())
	g.Expect(identity.Running()).To(BeTrue())
}

func TestLaunchTellsWhyItFailed(t *testing.T) {
	g := NewWithT(t)
	command := newCommand(t)
	command.Program = filepath.Join(command.Dir, "missing")
	_, err := Launch(command)
	g.Expect(err).To(MatchError(And(ContainSubstring(command.Program), ContainSubstring("no such file"))))
}

func TestChildTellsHowItEnded(t *testing.T) {
	g := NewWithT(t)
	child, err := Launch(newCommand(t, "fail"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Eventually(child.Exited()).Should(BeClosed())
	g.Expect(child.Err()).To(MatchError("exit status 3"))
}

// launch starts the test binary in one of the roles of TestMain.
func launch(t *testing.T, role string) (*Child, Identity) {
	t.Helper()
	g := NewWithT(t)
	command := newCommand(t, role)
	child, err := Launch(command)
	g.Expect(err).NotTo(HaveOccurred())
	identity, err := ReadRecord(command.Record)
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { g.Expect(identity.Stop(0)).To(Succeed()) })
	return child, identity
}

func newCommand(t *testing.T, args ...string) Command {
	t.Helper()
	g := NewWithT(t)
	dir := t.TempDir()
	hold, err := os.Create(filepath.Join(dir, "hold"))
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { _ = hold.Close() })
	program, err := os.Executable()
	g.Expect(err).NotTo(HaveOccurred())
	return Command{
		Program: program,
		Args:    args,
		Dir:     dir,
		Log:     filepath.Join(dir, "log"),
		Record:  filepath.Join(dir, "record"),
		Hold:    hold,
	}
}

func directoryOf(identity Identity) string {
	dir, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", identity.PID))
	return dir
}
