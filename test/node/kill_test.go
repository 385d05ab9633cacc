package node

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// victimVariable is set for a program that has a node until it is killed.
const victimVariable = "CAPT_NODE_TEST_VICTIM"

// beKilled prints the root directory as soon as a pod runs.
func beKilled() error {
	ctx := context.Background()
	n, err := Start(ctx, options(""))
	if err != nil {
		return err
	}
	pod := waitingPod("default")
	if err := errors.Join(importProbe(ctx, n), n.Client.Create(ctx, pod)); err != nil {
		return err
	}
	watch, err := n.Client.Watch(ctx, &corev1.PodList{}, client.InNamespace(pod.Namespace))
	if err != nil {
		return err
	}
	for event := range watch.ResultChan() {
		if pod, ok := event.Object.(*corev1.Pod); ok && pod.Status.Phase == corev1.PodRunning {
			fmt.Println(n.Root)
		}
	}
	return errors.New("the watch has ended")
}

func TestSIGKILLLeavesNothing(t *testing.T) {
	g := NewWithT(t)
	self, err := os.Executable()
	g.Expect(err).NotTo(HaveOccurred())
	victim := exec.Command(self)
	victim.Env = append(os.Environ(), victimVariable+"=yes", isolatedVariable+"=")
	victim.Stderr = os.Stderr
	stdout, err := victim.StdoutPipe()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(victim.Start()).To(Succeed())
	t.Cleanup(func() {
		_ = victim.Process.Kill()
		_ = victim.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	g.Expect(err).NotTo(HaveOccurred())
	root := strings.TrimSpace(line)
	left := func() []string { return traces(g, root) }
	// A container that is said to run may still be about to run its program.
	g.Eventually(left).WithTimeout(patience).WithPolling(interval).Should(ContainElements(
		ContainSubstring("/probe"), ContainSubstring("/pause"), ContainSubstring("containerd-shim"),
		ContainSubstring("kubelet"), HavePrefix("/sys/fs/cgroup"), Equal(root),
	))

	g.Expect(victim.Process.Kill()).To(Succeed())
	g.Eventually(left).WithTimeout(patience).WithPolling(interval).Should(BeEmpty())
}

// traces are what a node with this root directory has on the machine: processes
// by their arguments, cgroups and the directory.
func traces(g *WithT, root string) []string {
	var found []string
	for _, pattern := range []string{root, "/sys/fs/cgroup/" + filepath.Base(root), "/sys/fs/cgroup/*/" + filepath.Base(root)} {
		paths, err := filepath.Glob(pattern)
		g.Expect(err).NotTo(HaveOccurred())
		found = append(found, paths...)
	}
	return append(found, processes(g, filepath.Base(root))...)
}

// processes are those of the machine that mention something in their arguments,
// their variables or the names of their cgroups, by their arguments. One that is
// dead, and not buried yet, has none.
func processes(g *WithT, something string) []string {
	var found []string
	dirs, err := filepath.Glob("/proc/[0-9]*")
	g.Expect(err).NotTo(HaveOccurred())
	for _, dir := range dirs {
		arguments, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		variables, _ := os.ReadFile(filepath.Join(dir, "environ"))
		cgroups, _ := os.ReadFile(filepath.Join(dir, "cgroup"))
		if len(arguments) > 0 && strings.Contains(string(slices.Concat(arguments, variables, cgroups)), something) {
			found = append(found, "process "+string(arguments))
		}
	}
	return found
}
