package environment

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/captproject/capt/dev/internal/sweep"
	"github.com/captproject/capt/hack/tools/toolbox"
)

// logsVariable makes the test binary start an environment with its logs in
// this folder, and wait to be killed.
const logsVariable = "CAPT_TEST_ENVIRONMENT_LOGS"

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	if logs := os.Getenv(logsVariable); logs != "" {
		e, err := Start(context.Background(), Options{LogDir: logs, WithoutManager: true, Out: os.Stderr})
		if err != nil {
			panic(err)
		}
		fmt.Println(e.Root)
		select {}
	}
	os.Exit(m.Run())
}

func TestAnEnvironmentWorksAndLeavesNothing(t *testing.T) {
	g := NewWithT(t)
	logs := filepath.Join(t.TempDir(), "logs")
	g.Expect(os.Mkdir(logs, 0o755)).To(Succeed())
	e, err := Start(t.Context(), Options{LogDir: logs, WithoutManager: true, Out: os.Stderr})
	g.Expect(err).NotTo(HaveOccurred())
	stopped := false
	t.Cleanup(func() {
		if !stopped {
			_ = e.Stop()
		}
	})

	t.Run("namespaces can be prepared again", func(t *testing.T) {
		g := NewWithT(t)
		g.Expect(e.Namespace(t.Context(), "work")).To(Succeed())
		g.Expect(e.Namespace(t.Context(), "work")).To(Succeed())
		settings := &corev1.ConfigMap{}
		g.Expect(e.Client.Get(t.Context(), client.ObjectKey{Namespace: "work", Name: "localkube"}, settings)).To(Succeed())
		g.Expect(settings.Data).To(HaveKeyWithValue("LOCALKUBE_DATA_DIR", HavePrefix(e.Root)))
	})
	t.Run("Cluster API core has a user of its own", func(t *testing.T) {
		g := NewWithT(t)
		g.Expect(e.Requests(time.Time{})).To(BeEmpty(), "no manager has been started yet")
		requests, err := e.CoreRequests(time.Time{})
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(requests).NotTo(BeEmpty())
		for _, request := range requests {
			g.Expect(request.User.Username).To(Equal(coreName))
		}
	})
	t.Run("Cluster API core judges Clusters", func(t *testing.T) {
		_, err := e.Run(t.Context(), toolbox.Kubectl, "apply", "-f", "-")
		NewWithT(t).Expect(err).To(MatchError(ContainSubstring("no objects passed")))
		NewWithT(t).Expect(e.Client.Create(t.Context(), cluster("v1beta2", map[string]any{"paused": true}))).
			To(MatchError(ContainSubstring("admission webhook")))
	})
	t.Run("Cluster API core converts Clusters", func(t *testing.T) {
		g := NewWithT(t)
		old := cluster("v1beta1", map[string]any{"infrastructureRef": map[string]any{
			"apiVersion": "infrastructure.cluster.x-k8s.io/v1beta1", "kind": "CAPTCluster", "name": "old",
		}})
		g.Expect(e.Client.Create(t.Context(), old)).To(Succeed())
		current := cluster("v1beta2", nil)
		g.Expect(e.Client.Get(t.Context(), client.ObjectKeyFromObject(old), current)).To(Succeed())
		group, _, _ := unstructured.NestedString(current.Object, "spec", "infrastructureRef", "apiGroup")
		g.Expect(group).To(Equal("infrastructure.cluster.x-k8s.io"))
	})
	t.Run("the manager has a user of its own and can be killed and started", func(t *testing.T) {
		g := NewWithT(t)
		begin := time.Now()
		g.Expect(e.ManagerPID()).To(BeZero())
		g.Expect(e.StartManager(t.Context())).To(Succeed())
		g.Expect(e.StartManager(t.Context())).NotTo(Succeed(), "it runs already")
		g.Expect(e.ManagerPID()).NotTo(BeZero())
		g.Expect(e.StopManager(syscall.SIGKILL)).To(Succeed())
		g.Expect(e.StartManager(t.Context())).To(Succeed())
		g.Expect(e.Failed()).NotTo(Receive(), "we ended it")

		requests, err := e.Requests(begin)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(requests).NotTo(BeEmpty())
		for _, request := range requests {
			g.Expect(request.User.Username).To(Equal(managerName))
			g.Expect(request.User.Groups).To(ConsistOf("system:authenticated"))
		}
		// Later than anything that the manager, which is at its start, can ask.
		g.Expect(e.Requests(time.Now().Add(time.Hour))).To(BeEmpty())
	})
	g.Expect(e.Leftovers()).To(BeEmpty(), "what the environment runs itself is not left over")

	g.Expect(e.Stop()).To(Succeed())
	stopped = true
	g.Expect(sweep.Find(e.Root)).To(BeEmpty())
	g.Expect(e.Root).NotTo(BeAnExistingFile())
	g.Expect(logs).NotTo(BeAnExistingFile())
}

func cluster(version string, spec map[string]any) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	object.SetAPIVersion("cluster.x-k8s.io/" + version)
	object.SetKind("Cluster")
	object.SetNamespace(metav1.NamespaceDefault)
	object.SetName("old")
	return object
}

func TestAKilledEnvironmentLeavesNothing(t *testing.T) {
	g := NewWithT(t)
	logs := filepath.Join(t.TempDir(), "logs")
	g.Expect(os.Mkdir(logs, 0o755)).To(Succeed())
	self, err := os.Executable()
	g.Expect(err).NotTo(HaveOccurred())
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), logsVariable+"="+logs)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(cmd.Start()).To(Succeed())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	g.Expect(err).NotTo(HaveOccurred())
	root := strings.TrimSpace(line)
	g.Expect(sweep.Find(root)).To(HaveLen(3), "etcd, kube-apiserver and Cluster API core")

	g.Expect(cmd.Process.Kill()).To(Succeed())
	g.Eventually(func(g Gomega) {
		g.Expect(sweep.Find(root)).To(BeEmpty())
		_, err := os.Stat(root)
		g.Expect(err).To(MatchError(fs.ErrNotExist))
		_, err = os.Stat(logs)
		g.Expect(err).To(MatchError(fs.ErrNotExist))
	}).WithTimeout(time.Minute).Should(Succeed())
}

func TestAFailedStartLeavesOnlyLogs(t *testing.T) {
	g := NewWithT(t)
	logs := t.TempDir()
	t.Setenv("TMPDIR", t.TempDir())
	programs, err := Build(t.Context(), os.Stderr)
	g.Expect(err).NotTo(HaveOccurred())
	programs.ClusterAPICRDs = filepath.Join(logs, "missing")

	_, err = Start(t.Context(), Options{Programs: &programs, LogDir: logs})
	g.Expect(err).To(MatchError(And(ContainSubstring("install the CRDs"), ContainSubstring("missing"))))
	g.Expect(filepath.Join(logs, "kube-apiserver.log")).To(BeAnExistingFile())
	g.Expect(os.ReadDir(os.TempDir())).To(BeEmpty())
	g.Expect(sweep.Find(os.TempDir())).To(BeEmpty())
}
