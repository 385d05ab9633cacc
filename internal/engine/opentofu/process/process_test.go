package process

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gstruct"
	"golang.org/x/sys/unix"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine/opentofu"
	"github.com/captproject/capt/internal/runner"
)

// site is a machine with a run, and the line to its runners.
type site struct {
	*WithT
	t        *testing.T
	options  Options
	executor *Executor
	run      *infrav1.WorkspaceRun
	listener net.Listener
	host     string
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{WithT: NewWithT(t), t: t}
	self, err := os.Executable()
	s.Expect(err).NotTo(HaveOccurred())
	s.host, err = os.Hostname()
	s.Expect(err).NotTo(HaveOccurred())
	// The path of a socket is short.
	short, err := os.MkdirTemp("", "capt") //nolint:usetesting // the path of a unix socket must be short
	s.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { s.Expect(os.RemoveAll(short)).To(Succeed()) })
	address := filepath.Join(short, "s")
	s.listener, err = net.Listen("unix", address)
	s.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { _ = s.listener.Close() })
	t.Setenv(addressVariable, address)
	s.options = Options{Dir: filepath.Join(t.TempDir(), "runs"), Runner: self, Args: []string{"--tofu=/usr/bin/tofu"}}
	s.executor = s.newExecutor()
	s.run = &infrav1.WorkspaceRun{
		ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "w-1", UID: "u"},
		Spec: infrav1.WorkspaceRunSpec{
			ApplyName: "w", Operation: infrav1.OperationApply, InputsRef: infrav1.InputsReference{Name: "i"}, Attempt: 1,
		},
	}
	return s
}

func (s *site) newExecutor() *Executor {
	s.t.Helper()
	executor, err := New(s.options)
	s.Expect(err).NotTo(HaveOccurred())
	return executor
}

func (s *site) ensure() opentofu.Execution {
	s.t.Helper()
	execution, err := s.executor.Ensure(s.t.Context(), s.run)
	s.Expect(err).NotTo(HaveOccurred())
	return execution
}

// answer takes the call of a runner.
func (s *site) answer() (hello, *json.Encoder, net.Conn) {
	s.t.Helper()
	conn, err := s.listener.Accept()
	s.Expect(err).NotTo(HaveOccurred())
	s.t.Cleanup(func() { _ = conn.Close() })
	var said hello
	s.Expect(json.NewDecoder(conn).Decode(&said)).To(Succeed())
	return said, json.NewEncoder(conn), conn
}

// ended waits until the executor says that the run has ended.
func (s *site) ended(executor *Executor) {
	s.t.Helper()
	s.Eventually(executor.Ended()).Should(Receive(gstruct.MatchAllFields(gstruct.Fields{"Object": BeIdenticalTo(s.run)})))
}

func (s *site) dir() string { return filepath.Join(s.options.Dir, "u") }

func (s *site) running(pid int) opentofu.Execution {
	return opentofu.Execution{State: opentofu.ExecutionRunning, Where: fmt.Sprintf("process %d on %s", pid, s.host)}
}

// held tells whether the lock of the run is.
func (s *site) held() bool {
	s.t.Helper()
	lock, err := os.Open(filepath.Join(s.dir(), lockFile))
	s.Expect(err).NotTo(HaveOccurred())
	defer lock.Close()
	return unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil
}

func TestARunIsCarriedOutOnce(t *testing.T) {
	s := newSite(t)
	s.Expect(s.ensure().State).To(Equal(opentofu.ExecutionRunning))
	said, tell, _ := s.answer()
	s.Expect(said.Args).To(Equal([]string{
		"--namespace=n", "--workspace=w", "--run=w-1", "--operation=Apply", "--inputs-secret=i",
		"--apply-request=", "--terms={}", "--dir=" + s.dir(), "--lock-fd=3", "--tofu=/usr/bin/tofu",
	}))
	s.Expect(said.Session).To(Equal(said.PID), "it outlives us")
	s.Expect(s.held()).To(BeTrue())
	s.Expect(s.ensure()).To(Equal(s.running(said.PID)))

	result := &runner.Result{Run: "w-1", Phase: infrav1.RunSucceeded, InputsDigest: "d"}
	s.Expect(tell.Encode(order{Result: result})).To(Succeed())
	s.ended(s.executor)
	s.Expect(s.held()).To(BeFalse())
	for range 2 {
		s.Expect(s.ensure()).To(Equal(opentofu.Execution{
			State: opentofu.ExecutionEnded, Where: s.running(said.PID).Where, Result: result,
		}))
	}
	s.Expect(s.executor.Release(t.Context(), s.run)).To(Succeed())
	s.Expect(s.dir()).NotTo(BeADirectory())
	s.Expect(s.executor.Release(t.Context(), s.run)).To(Succeed(), "it is safe to repeat")
}

func TestAManagerThatWasRestartedFindsTheRunAgain(t *testing.T) {
	s := newSite(t)
	s.ensure()
	said, tell, _ := s.answer()
	before := s.executor
	s.executor = s.newExecutor()
	s.Expect(s.ensure()).To(Equal(s.running(said.PID)))
	s.Expect(tell.Encode(order{Result: &runner.Result{Phase: infrav1.RunFailed, Reason: "ApplyFailed"}})).To(Succeed())
	s.ended(s.executor)
	s.ended(before)
	s.Expect(s.ensure().Result.Reason).To(Equal("ApplyFailed"))
}

func TestAKilledRunnerIsLost(t *testing.T) {
	s := newSite(t)
	s.ensure()
	said, _, _ := s.answer()
	s.Expect(unix.Kill(said.PID, unix.SIGKILL)).To(Succeed())
	s.ended(s.executor)
	for range 2 {
		s.Expect(s.ensure()).To(Equal(opentofu.Execution{
			State: opentofu.ExecutionLost, Where: s.running(said.PID).Where, Message: "its runner ended without a result: it was killed",
		}))
	}
}

// A runner that has left a state saves it when it is started again, be it that it
// was killed or that it has given up.
func TestARunnerThatLeftAStateIsStartedAgain(t *testing.T) {
	for name, left := range map[string]order{
		"killed":   {Files: map[string]string{"unsaved.tfstate": "{}"}},
		"given up": {Result: &runner.Result{Phase: infrav1.RunFailed, Reason: runner.ReasonStateNotSaved, KeepDirectory: true}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.ensure()
			first, tell, _ := s.answer()
			s.Expect(tell.Encode(left)).To(Succeed())
			s.ended(s.executor)
			s.Expect(s.ensure().State).To(Equal(opentofu.ExecutionRunning))
			again, tell, _ := s.answer()
			s.Expect(again.PID).NotTo(Equal(first.PID))
			s.Expect(again.Args).To(Equal(first.Args))
			s.Expect(s.ensure()).To(Equal(s.running(again.PID)), "once")
			s.Expect(tell.Encode(order{Result: &runner.Result{Phase: infrav1.RunSucceeded}})).To(Succeed())
			s.ended(s.executor)
			s.Expect(s.ensure().Result.Phase).To(Equal(infrav1.RunSucceeded))
		})
	}
}

func TestAStateThatIsNowhereElseIsKept(t *testing.T) {
	s := newSite(t)
	for range maxRestarts + 1 {
		s.Expect(s.ensure().State).To(Equal(opentofu.ExecutionRunning))
		_, tell, _ := s.answer()
		s.Expect(tell.Encode(order{Files: map[string]string{"unsaved.tfstate": "{}"}})).To(Succeed())
		s.ended(s.executor)
	}
	execution := s.ensure()
	s.Expect(execution.State).To(Equal(opentofu.ExecutionEnded))
	s.Expect(execution.Result).To(gstruct.PointTo(gstruct.MatchFields(gstruct.IgnoreExtras, gstruct.Fields{
		"Phase": Equal(infrav1.RunFailed), "Reason": Equal(runner.ReasonStateNotSaved), "Kind": Equal(infrav1.FailureConfiguration),
		"Message": ContainSubstring(filepath.Join(s.dir(), "unsaved.tfstate")), "KeepDirectory": BeTrue(),
	})))
	s.Expect(s.executor.Release(t.Context(), s.run)).To(Succeed())
	s.Expect(filepath.Join(s.dir(), "unsaved.tfstate")).To(BeAnExistingFile())

	s.Expect(os.Remove(filepath.Join(s.dir(), "unsaved.tfstate"))).To(Succeed())
	s.Expect(s.executor.Release(t.Context(), s.run)).To(Succeed())
	s.Expect(s.dir()).NotTo(BeADirectory())
}

func TestOpenTofuMayOutliveItsRunner(t *testing.T) {
	s := newSite(t)
	// Neither the name of the program nor a link to the directory matters.
	target := t.TempDir()
	s.Expect(os.Symlink(target, s.options.Dir+"-link")).To(Succeed())
	s.options.Dir += "-link"
	s.executor = s.newExecutor()
	s.ensure()
	said, _, _ := s.answer()
	work := filepath.Join(s.dir(), "work")
	s.Expect(os.Mkdir(work, 0o700)).To(Succeed())
	cmd := exec.CommandContext(t.Context(), s.options.Runner, "apply", "-json", "plan")
	cmd.Dir = work
	s.Expect(cmd.Start()).To(Succeed())
	_, _, tofuConn := s.answer()

	s.Expect(unix.Kill(said.PID, unix.SIGKILL)).To(Succeed())
	s.ended(s.executor)
	s.Expect(s.ensure()).To(Equal(s.running(said.PID)), "the run is not over")
	s.Expect(tofuConn.Close()).To(Succeed())
	_ = cmd.Wait()
	s.ended(s.executor)
	s.Expect(s.ensure().State).To(Equal(opentofu.ExecutionLost))
}

func TestARunOfAnotherMachineIsLeftToIt(t *testing.T) {
	s := newSite(t)
	s.run.Status.Phase, s.run.Status.Runner = infrav1.RunRunning, "process 1 on elsewhere"
	s.Expect(s.ensure()).To(Equal(opentofu.Execution{
		State: opentofu.ExecutionRunning, Where: "process 1 on elsewhere",
		Message: "it was started on elsewhere, and only a manager there can see its end",
	}))
	s.run.Spec.Operation = infrav1.OperationPlan
	s.Expect(s.ensure().State).To(Equal(opentofu.ExecutionLost), "nobody waits for a check")
	s.Expect(s.dir()).NotTo(BeADirectory())
}

// --executor was changed while it was under way.
func TestARunThatIsAJobIsNotBegunOnceMore(t *testing.T) {
	s := newSite(t)
	for _, where := range []string{"Job w-1-0123abcd", "pod w-1-0123abcd-x on " + s.host} {
		s.run.Status.Phase, s.run.Status.Runner = infrav1.RunPending, where
		s.Expect(s.ensure()).To(Equal(opentofu.Execution{
			State: opentofu.ExecutionRunning, Where: where,
			Message: "it was begun as " + where + ", and only a manager with --executor=Job can see its end",
		}))
	}
	s.Expect(s.dir()).NotTo(BeADirectory())
}

func TestARunWhoseDirectoryIsGoneIsLost(t *testing.T) {
	s := newSite(t)
	s.run.Status.Phase, s.run.Status.Runner = infrav1.RunRunning, "process 1 on "+s.host
	s.Expect(s.ensure()).To(Equal(opentofu.Execution{
		State: opentofu.ExecutionLost, Message: "the directory of the run is gone, and its runner with it",
	}))
}

func TestAStartThatFailsIsTriedAgain(t *testing.T) {
	s := newSite(t)
	self := s.options.Runner
	s.options.Runner = filepath.Join(t.TempDir(), "runner")
	s.Expect(os.WriteFile(s.options.Runner, []byte("no program"), 0o700)).To(Succeed())
	s.executor = s.newExecutor()
	_, err := s.executor.Ensure(t.Context(), s.run)
	s.Expect(err).To(MatchError(ContainSubstring("starting the runner")))

	s.Expect(os.Remove(s.options.Runner)).To(Succeed())
	s.Expect(os.Symlink(self, s.options.Runner)).To(Succeed())
	s.Expect(s.ensure().State).To(Equal(opentofu.ExecutionRunning))
	said, _, _ := s.answer()
	s.Expect(s.ensure()).To(Equal(s.running(said.PID)))
}

func TestAResultThatCannotBeReadIsAnError(t *testing.T) {
	s := newSite(t)
	s.ensure()
	_, tell, _ := s.answer()
	s.Expect(tell.Encode(order{Files: map[string]string{"result.json": "{"}})).To(Succeed())
	s.ended(s.executor)
	_, err := s.executor.Ensure(t.Context(), s.run)
	s.Expect(err).To(MatchError(ContainSubstring("reading the result of a run")))
}

func TestTheRunnerMustExist(t *testing.T) {
	g := NewWithT(t)
	_, err := New(Options{Dir: t.TempDir(), Runner: filepath.Join(t.TempDir(), "none")})
	g.Expect(err).To(MatchError(ContainSubstring("looking for the runner")))
}

func TestARunThatWasDeletedBeforeItsStartIsNotStarted(t *testing.T) {
	s := newSite(t)
	deleted := metav1.Now()
	s.run.DeletionTimestamp = &deleted
	s.Expect(s.ensure()).To(Equal(opentofu.Execution{
		State: opentofu.ExecutionLost, Message: "it was deleted before it was started",
	}))
}
