package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/hack/tools/toolbox"
	"github.com/captproject/capt/internal/inputs"
	"github.com/captproject/capt/internal/runner"
	"github.com/captproject/capt/test/envtest"
)

// runnerVariable makes the test binary the program.
const runnerVariable = "CAPT_TEST_RUNNER"

var env envtest.Environment

func TestMain(m *testing.M) {
	if os.Getenv(runnerVariable) != "" {
		main()
	}
	os.Exit(envtest.Run(m, &env))
}

// program is the program with these arguments.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), runnerVariable+"=1")
	return cmd
}

func TestArgumentsThatAreMissing(t *testing.T) {
	g := NewWithT(t)
	said, err := program(t, "--namespace=default", "--dir=relative").CombinedOutput()
	g.Expect(err).To(HaveField("ExitCode()", exitUnable))
	g.Expect(string(said)).To(And(ContainSubstring("--workspace is required"), ContainSubstring("--dir must be an absolute path")))
	g.Expect(string(said)).NotTo(ContainSubstring("--namespace"))

	said, err = program(t, "--help").CombinedOutput()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(said)).To(ContainSubstring("--inputs-secret"))
}

// workspace writes inputs and returns arguments for a run of them.
func workspace(t *testing.T, module string) (dir string, args []string) {
	t.Helper()
	g := NewWithT(t)
	programs, err := toolbox.Ensure(context.Background(), os.Stderr, toolbox.Tofu)
	g.Expect(err).NotTo(HaveOccurred())
	in := inputs.Inputs{Module: inputs.Module{Source: "Inline", Content: module}}
	encoded, err := in.Encode()
	g.Expect(err).NotTo(HaveOccurred())
	namespace := env.Namespace(t)
	g.Expect(env.Client.Create(context.Background(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "inputs", OwnerReferences: []metav1.OwnerReference{{
			APIVersion: infrav1.GroupVersion.String(), Kind: "WorkspaceTemplateApply", Name: "w", UID: "u", Controller: ptr.To(true),
		}}},
		Data: map[string][]byte{inputs.SecretKey: encoded},
	})).To(Succeed())
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	g.Expect(os.WriteFile(kubeconfig, env.Kubeconfig, 0o600)).To(Succeed())
	dir = filepath.Join(t.TempDir(), "run")
	return dir, []string{
		"--kubeconfig=" + kubeconfig, "--namespace=" + namespace, "--workspace=w", "--run=w-1",
		"--inputs-secret=inputs", "--dir=" + dir, "--tofu=" + programs.Path(toolbox.Tofu),
	}
}

func TestExitCodes(t *testing.T) {
	g := NewWithT(t)
	_, args := workspace(t, `output "o" { value = 1 }`)
	g.Expect(program(t, args...).Run()).To(Succeed())
	_, args = workspace(t, `output "o" { value = var.nothing }`)
	g.Expect(program(t, args...).Run()).To(HaveField("ExitCode()", exitFailed))
}

// The lock that the manager waits for is held until the runner ends, and not a
// moment longer: what OpenTofu started does not have it.
func TestSignalAndLock(t *testing.T) {
	g := NewWithT(t)
	marks := t.TempDir()
	started, lockPath := filepath.Join(marks, "started"), filepath.Join(marks, "lock")
	dir, args := workspace(t, `
resource "terraform_data" "slow" {
  provisioner "local-exec" { command = "ls -l /proc/self/fd > `+marks+`/fds; touch `+started+`; exec sleep 600" }
}`)
	lock, err := os.OpenFile(lockPath, os.O_CREATE|os.O_RDWR, 0o600)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)).To(Succeed())
	cmd := program(t, append(args, "--lock-fd=3")...)
	cmd.ExtraFiles = []*os.File{lock}
	g.Expect(cmd.Start()).To(Succeed())
	g.Expect(lock.Close()).To(Succeed())
	g.Eventually(started, time.Minute).Should(BeAnExistingFile())

	other, err := os.Open(lockPath)
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { _ = other.Close() }()
	g.Expect(syscall.Flock(int(other.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)).To(MatchError(syscall.EWOULDBLOCK))
	fds, err := os.ReadFile(filepath.Join(marks, "fds"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(fds)).NotTo(ContainSubstring(lockPath))

	g.Expect(cmd.Process.Signal(syscall.SIGTERM)).To(Succeed())
	g.Expect(cmd.Wait()).To(HaveField("ExitCode()", exitFailed))
	g.Expect(syscall.Flock(int(other.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)).To(Succeed())
	result, err := runner.ReadResult(dir)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(result.Reason).To(Equal(runner.ReasonInterrupted))
}

// OpenTofu outlives us for as long as it needs to finish, and leaves its state.
func TestKilled(t *testing.T) {
	g := NewWithT(t)
	marks := t.TempDir()
	started := filepath.Join(marks, "started")
	dir, args := workspace(t, `
resource "terraform_data" "slow" {
  provisioner "local-exec" { command = "cd `+marks+` && touch started && until [ -e finish ]; do sleep 0.1; done" }
}`)
	cmd := program(t, args...)
	g.Expect(cmd.Start()).To(Succeed())
	g.Eventually(started, time.Minute).Should(BeAnExistingFile())
	g.Expect(cmd.Process.Kill()).To(Succeed())
	g.Expect(cmd.Wait()).To(HaveOccurred())
	g.Expect(os.WriteFile(filepath.Join(marks, "finish"), nil, 0o600)).To(Succeed())

	errored := filepath.Join(dir, "work", "errored.tfstate")
	g.Eventually(func() (string, error) {
		state, err := os.ReadFile(errored)
		return string(state), err
	}, time.Minute).Should(And(ContainSubstring(`"name": "slow"`), Not(ContainSubstring("tainted"))))
	g.Expect(runner.StateOnDisk(dir)).To(Equal([]string{errored}))
	_, err := runner.ReadResult(dir)
	g.Expect(err).To(MatchError(os.ErrNotExist))

	// The first state of all: its lineage was never asked for.
	g.Expect(program(t, args...).Run()).To(Succeed())
	result, err := runner.ReadResult(dir)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(result.Phase).To(Equal(infrav1.RunSucceeded), result.Message)
	g.Expect(*result.Plan.Add+*result.Plan.Replace).To(BeZero(), "it is made already")
}

func TestLockThatIsNone(t *testing.T) {
	g := NewWithT(t)
	_, args := workspace(t, `output "o" { value = 1 }`)
	said, err := program(t, append(args, "--lock-fd=99")...).CombinedOutput()
	var exit *exec.ExitError
	g.Expect(errors.As(err, &exit)).To(BeTrue())
	g.Expect(exit.ExitCode()).To(Equal(exitUnable))
	g.Expect(string(said)).To(ContainSubstring("--lock-fd 99"))
}
