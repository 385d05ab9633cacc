package job

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/captproject/capt/hack/tools/toolbox"
)

// runnerBinary builds capt-runner, once.
var runnerBinary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "capt-runner")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "capt-runner")
	return path, exec.Command("go", "build", "-o", path, "../../../../cmd/runner").Run()
})

// process is the container of a pod: the real capt-runner with the arguments and
// the service account of the pod.
type process struct {
	cmd         *exec.Cmd
	termination string
}

// startContainer does what the kubelet does, with a directory in the place of
// the container's file system.
func (w *world) startContainer(pod *corev1.Pod) *process {
	w.t.Helper()
	root := w.t.TempDir()
	program, err := runnerBinary()
	w.Expect(err).NotTo(HaveOccurred())
	programs, err := toolbox.Ensure(context.Background(), os.Stderr, toolbox.Tofu)
	w.Expect(err).NotTo(HaveOccurred())
	container := pod.Spec.Containers[0]
	w.Expect(container.Command).To(Equal([]string{runnerProgram}))
	p := &process{termination: filepath.Join(root, "termination")}
	places := strings.NewReplacer("="+workPath, "="+root, tofuProgram, programs.Path(toolbox.Tofu), container.TerminationMessagePath, p.termination)
	var args []string
	for _, arg := range container.Args {
		args = append(args, places.Replace(arg))
	}
	args = append(args, "--kubeconfig="+w.kubeconfig(pod.Spec.ServiceAccountName))
	p.cmd = exec.Command(program, args...)
	p.cmd.Env = []string{"HOME=" + root}
	w.Expect(p.cmd.Start()).To(Succeed())
	w.t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
		}
	})
	w.report(pod, corev1.PodRunning, started())
	return p
}

// endContainer waits for the end of a container and reports it.
func (w *world) endContainer(pod *corev1.Pod, p *process) {
	w.t.Helper()
	_ = p.cmd.Wait()
	message, err := os.ReadFile(p.termination)
	if !os.IsNotExist(err) {
		w.Expect(err).NotTo(HaveOccurred())
	}
	w.Expect(len(message)).To(BeNumerically("<=", 4096))
	code, phase, reason := int32(p.cmd.ProcessState.ExitCode()), corev1.PodFailed, "Error"
	switch {
	case code < 0: // killed by a signal
		code = 137
	case code == 0:
		phase, reason = corev1.PodSucceeded, "Completed"
	}
	w.report(pod, phase, terminated(code, reason, string(message)))
}

// accountConfig is how a process with the token of a service account reaches the
// API server.
func (w *world) accountConfig(name string) *rest.Config {
	w.t.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}}
	request := &authenticationv1.TokenRequest{}
	w.Expect(env.Client.SubResource("token").Create(w.t.Context(), account, request)).To(Succeed())
	config := rest.AnonymousClientConfig(env.Config)
	config.BearerToken = request.Status.Token
	config.QPS = -1
	return config
}

func (w *world) kubeconfig(account string) string {
	w.t.Helper()
	config := w.accountConfig(account)
	file := clientcmdapi.NewConfig()
	file.Clusters["c"] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	file.AuthInfos["u"] = &clientcmdapi.AuthInfo{Token: config.BearerToken}
	file.Contexts["x"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}
	file.CurrentContext = "x"
	path := filepath.Join(w.t.TempDir(), "kubeconfig")
	w.Expect(clientcmd.WriteToFile(*file, path)).To(Succeed())
	return path
}

// awaitFile waits until a module has written a file.
func awaitFile(t *testing.T, path string) {
	t.Helper()
	NewWithT(t).Eventually(func() error { _, err := os.Stat(path); return err }, "1m").Should(Succeed())
}
