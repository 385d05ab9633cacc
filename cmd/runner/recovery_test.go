package main

import (
	"encoding/json"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/client-go/tools/clientcmd"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/runner"
)

// line is the only way to the API server. It can be cut.
type line struct {
	mu       sync.Mutex
	cut      bool
	open     []net.Conn
	upstream string
}

// newLine returns a line and the kubeconfig of somebody at its end.
func newLine(t *testing.T) (*line, string) {
	t.Helper()
	g := NewWithT(t)
	server, err := url.Parse(env.Config.Host)
	g.Expect(err).NotTo(HaveOccurred())
	l := &line{upstream: server.Host}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { _ = listener.Close() })
	go l.serve(listener)
	config, err := clientcmd.Load(env.Kubeconfig)
	g.Expect(err).NotTo(HaveOccurred())
	for _, cluster := range config.Clusters {
		cluster.Server = "https://" + listener.Addr().String()
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	g.Expect(clientcmd.WriteToFile(*config, path)).To(Succeed())
	return l, path
}

func (l *line) serve(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go l.carry(conn)
	}
}

func (l *line) carry(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	server, err := net.Dial("tcp", l.upstream)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	l.mu.Lock()
	if l.cut {
		l.mu.Unlock()
		return
	}
	l.open = append(l.open, conn, server)
	l.mu.Unlock()
	go func() { _, _ = io.Copy(server, conn); _ = server.Close() }()
	_, _ = io.Copy(conn, server)
}

// set cuts the line, or mends it.
func (l *line) set(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
	for _, conn := range l.open {
		_ = conn.Close()
	}
	l.open = nil
}

// scene is a run whose module stops in the middle of making its second thing.
type scene struct {
	*WithT
	marks, dir string
	args       []string
	line       *line
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
	var kubeconfig string
	s.line, kubeconfig = newLine(t)
	s.args = append(s.args, "--kubeconfig="+kubeconfig)
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
	s.Expect(again.Run()).To(Succeed(), "the lock is free")
	result, err = runner.ReadResult(s.dir + "-again")
	s.Expect(err).NotTo(HaveOccurred())
	s.Expect(*result.Plan.Add + *result.Plan.Change + *result.Plan.Destroy + *result.Plan.Replace).To(BeZero())
	made, err := os.ReadFile(filepath.Join(s.marks, "made"))
	s.Expect(err).NotTo(HaveOccurred())
	s.Expect(strings.Fields(string(made))).To(Equal([]string{"first", "second"}))
}

func TestTheAPIServerIsAwayDuringAnApply(t *testing.T) {
	s := newScene(t)
	cmd := s.start(t)
	s.line.set(true)
	s.finish()
	s.Eventually(s.log, time.Minute).Should(MatchRegexp(`(?s)will be tried again.*will be tried again.*will be tried again`))
	s.line.set(false)
	s.Expect(cmd.Wait()).To(Succeed())
	s.expectAll(t)
}

// The runner is killed while it holds a state that it cannot save, and OpenTofu
// after it leaves that state on disk.
func TestARunnerIsKilledWhileTheAPIServerIsAway(t *testing.T) {
	s := newScene(t)
	cmd := s.start(t)
	s.line.set(true)
	s.finish()
	s.Eventually(s.log, time.Minute).Should(ContainSubstring("will be tried again"))
	s.Expect(cmd.Process.Kill()).To(Succeed())
	s.Expect(cmd.Wait()).To(HaveOccurred())
	errored := filepath.Join(s.dir, "work", "errored.tfstate")
	s.Eventually(func() bool {
		state, _ := os.ReadFile(errored)
		return json.Valid(state)
	}, time.Minute).Should(BeTrue(), "OpenTofu has written its state")
	s.line.set(false)
	s.Expect(program(t, s.args...).Run()).To(Succeed())
	s.expectAll(t)
}

// OpenTofu is killed as well, so that only what the runner has kept is left.
func TestARunnerAndOpenTofuAreKilled(t *testing.T) {
	s := newScene(t)
	cmd := s.start(t)
	s.line.set(true)
	s.finish()
	unsaved := filepath.Join(s.dir, "unsaved.tfstate")
	s.Eventually(unsaved, time.Minute).Should(BeAnExistingFile())
	tofu := childOf(s, cmd.Process.Pid)
	s.Expect(cmd.Process.Kill()).To(Succeed())
	s.Expect(tofu.Kill()).To(Succeed())
	s.Expect(cmd.Wait()).To(HaveOccurred())
	s.line.set(false)
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
