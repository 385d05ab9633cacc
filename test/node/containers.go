package node

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/captproject/capt/hack/tools/toolbox"
)

// Kill sends SIGKILL to the main process of a container of the pod, which must
// be as the API server shows it.
func (n *Node) Kill(ctx context.Context, pod *corev1.Pod, container string) error {
	for _, status := range pod.Status.ContainerStatuses {
		if status.Name == container {
			return n.ctr(ctx, "tasks", "kill", "--signal=SIGKILL", strings.TrimPrefix(status.ContainerID, "containerd://"))
		}
	}
	return fmt.Errorf("pod %s/%s has no container %s yet", pod.Namespace, pod.Name, container)
}

// Logs is what all containers of the namespace wrote, those that are gone
// included, each under the path of its file below the directory of logs.
func (n *Node) Logs(namespace string) (map[string]string, error) {
	logs := map[string]string{}
	files, err := filepath.Glob(n.podLogs(namespace+"_*", "*", "*.log"))
	for _, file := range files {
		content, readErr := os.ReadFile(file)
		if readErr != nil {
			return nil, fmt.Errorf("read the log of a container: %w", readErr)
		}
		logs[strings.TrimPrefix(file, n.podLogs()+"/")] = string(content)
	}
	return logs, err
}

// podLogs is where the kubelet keeps the logs of containers, among those of the
// programs.
func (n *Node) podLogs(elements ...string) string {
	return filepath.Join(append([]string{n.LogDir, "pods"}, elements...)...)
}

// ctr runs containerd's client in the namespace of the kubelet.
func (n *Node) ctr(ctx context.Context, args ...string) error {
	args = append([]string{"--address=" + containerdSocket, "--namespace=k8s.io"}, args...)
	output, err := exec.CommandContext(ctx, n.programs.Path(toolbox.Ctr), args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ctr %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(output)))
	}
	return nil
}
