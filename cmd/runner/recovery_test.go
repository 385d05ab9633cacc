package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/runner"
	"github.com/captproject/capt/test/line"
)

// scene is a run whose module stops in the middle of making its second thing.
type scene struct {
	*WithT
	marks, dir string
	args       []string
	line       *line.Line
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{WithT: NewWithT(t), marks: t.TempDir()}
	s.dir, s.args = workspace(t, `
resource "terraform_data" "first" {
  provisioner "local-exec" { command = "echo first >> `+s.marks+`/made" }
}
resource "terraform_data" "second" {
  depends_on = [terraform_data.first]
  provisioner "local-exec" { command = "cd `+s.marks+` && echo second >> made && touch started && until [ -e finish ]; do sleep 0.1; done" }
}
output "second" { value = terraform_data.second.id }`)
	var kubeconfig []byte
	var err error
	s.line, kubeconfig, err = line.New(env.Kubeconfig)
	s.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { s.Expect(s.line.Close()).To(Succeed()) })
	path := filepath.Join(t.TempDir(), "kubeconfig")
	s.Expect(os.WriteFile(path, kubeconfig, 0o600)).To(Succeed())
	s.args = append(s.args, "--kubeconfig="+path)
	return s
}

func (s *scene) start(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := program(t, s.args...)
	s.Expect(cmd.Start()).To(Succeed())
	s.Eventually(filepath.Join(s.marks, "started"), time.Minute).Should(BeAnExistingFile())
	return cmd
}

func (s *scene) finish() {
	s.Expect(os.WriteFile(filepath.Join(s.marks, "finish"), nil, 0o600)).To(Succeed())
}

// log is the log of the run.
func (s *scene) log() string {
	data, _ := os.ReadFile(filepath.Join(s.dir, "run.log"))
	return string(data)
}

// expectAll expects each thing to have been made once, and to be known.
func (s *scene) expectAll(t *testing.T) {
	t.Helper()
	result, err := runner.ReadResult(s.dir)
	s.Expect(err).NotTo(HaveOccurred())
	s.Expect(result.Phase).To(Equal(infrav1.RunSucceeded), result.Message)
	s.Expect(runner.StateOnDisk(s.dir)).To(BeEmpty())
	again := program(t, append(s.args, "--run=w-2", "--dir="+s.dir+"-again")...)
	againErr := again.Run()
	result, err = runner.ReadResult(s.dir + "-again")
	s.Expect(err).NotTo(HaveOccurred())
	s.Expect(againErr).NotTo(HaveOccurred(), "the lock is free: %s", result.Message)
	s.Expect(*result.Plan.Add + *result.Plan.Change + *result.Plan.Destroy + *result.Plan.Replace).To(BeZero())
	made, err := os.ReadFile(filepath.Join(s.marks, "made"))
	s.Expect(err).NotTo(HaveOccurred())
	s.Expect(strings.Fields(string(made))).To(Equal([]string{"first", "second"}))
}

func TestTheAPIServerIsAwayDuringAnApply(t *testing.T) {
	s := newScene(t)
	cmd := s.start(t)
	s.line.Cut()
	s.finish()
	s.Eventually(s.log, time.Minute).Should(MatchRegexp(`(?s)will be tried again.*will be tried again.*will be tried again`))
	s.line.Mend()
	s.Expect(cmd.Wait()).To(Succeed())
	s.expectAll(t)
}

// The runner is killed while it holds a state that it cannot save, and OpenTofu
// after it leaves that state on disk.
func TestARunnerIsKilledWhileTheAPIServerIsAway(t *testing.T) {
	s := newScene(t)
	cmd := s.start(t)
	s.line.Cut()
	s.finish()
	s.Eventually(s.log, time.Minute).Should(ContainSubstring("will be tried again"))
	s.Expect(cmd.Process.Kill()).To(Succeed())
	s.Expect(cmd.Wait()).To(HaveOccurred())
	errored := filepath.Join(s.dir, "work", "errored.tfstate")
	s.Eventually(func() bool {
		state, _ := os.ReadFile(errored)
		return json.Valid(state)
	}, time.Minute).Should(BeTrue(), "OpenTofu has written its state")
	s.line.Mend()
	s.Expect(program(t, s.args...).Run()).To(Succeed())
	s.expectAll(t)
}

// OpenTofu is killed as well, so that only what the runner has kept is left.
func TestARunnerAndOpenTofuAreKilled(t *testing.T) {
	s := newScene(t)
	cmd := s.start(t)
	s.line.Cut()
	s.finish()
	unsaved := filepath.Join(s.dir, "unsaved.tfstate")
	s.Eventually(unsaved, time.Minute).Should(BeAnExistingFile())
	tofu := childOf(s, cmd.Process.Pid)
	s.Expect(cmd.Process.Kill()).To(Succeed())
	s.Expect(tofu.Kill()).To(Succeed())
	s.Expect(cmd.Wait()).To(HaveOccurred())
	s.line.Mend()
	s.Expect(program(t, s.args...).Run()).To(Succeed())
	s.expectAll(t)
}

// childOf is the process that the runner has started.
func childOf(s *scene, pid int) *os.Process {
	children, err := os.ReadDir("/proc")
	s.Expect(err).NotTo(HaveOccurred())
	for _, entry := range children {
		child, err := parseChild(entry.Name(), pid)
		if err == nil && child != nil {
			return child
		}
	}
	s.Expect(children).To(BeNil(), "OpenTofu was not found")
	return nil
}

// parseChild returns the process of that name in /proc if its parent is the given
// one.
func parseChild(name string, parent int) (*os.Process, error) {
	pid, err := strconv.Atoi(name)
	if err != nil {
		return nil, err
	}
	status, err := os.ReadFile(filepath.Join("/proc", name, "status"))
	if err != nil || !strings.Contains(string(status), "PPid:\t"+strconv.Itoa(parent)+"\n") {
		return nil, err
	}
	return os.FindProcess(pid)
}
