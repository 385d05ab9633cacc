package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"

	"github.com/captproject/capt/test/localkube/internal/pki"
	"github.com/captproject/capt/test/localkube/internal/process"
	"github.com/captproject/capt/test/localkube/internal/testkit"
)

// patience is for what only waits on programs that start or end.
const patience = time.Minute

func TestLifeOfACluster(t *testing.T) {
	w := newWorkspace(t)
	begin := time.Now()
	w.mustTofu("apply", "-auto-approve")
	t.Logf("apply took %s", time.Since(begin).Round(10*time.Millisecond))
	made := w.outputs("a")
	w.Expect(w.programs()).To(ConsistOf("etcd", "kube-apiserver"))
	w.Expect(made.KubernetesVersion).To(Equal(made.ServerVersion))
	w.Expect(w.versionWithCertificate(made)).To(Equal(made.ServerVersion))
	w.Expect(w.versionWithToken(made)).To(Equal(made.ServerVersion))
	w.Expect(w.fromKubeconfig(made.Kubeconfig)).To(Equal(made.withoutToken()))
	w.Expect(w.get(made, nil, made.Token, "/api/v1/namespaces/kube-system/secrets")).To(ContainSubstring("SecretList"))

	output, code := w.tofu("plan", "-detailed-exitcode")
	w.Expect(code).To(BeZero(), output)

	w.mustTofu(append([]string{"apply"}, settings(`kubernetes_version="v1.99.0"`)...)...)
	updated := w.outputs("a")
	w.Expect(updated.KubernetesVersion).To(Equal("v1.99.0"))
	updated.KubernetesVersion = made.KubernetesVersion
	w.Expect(updated).To(Equal(made), "nothing else changes")

	w.mustTofu("destroy", "-auto-approve")
	w.Expect(w.programs()).To(BeEmpty())
	w.Expect(w.left()).To(BeEmpty())
}

func TestCredentialsGetTheLifeThatIsAskedFor(t *testing.T) {
	w := newWorkspace(t)
	w.mustTofu("apply", "-auto-approve")
	made := w.outputs("a")
	w.mustTofu(append([]string{"apply"}, settings(`credential_ttl="20m"`)...)...)
	renewed := w.outputs("a")
	w.Expect(renewed.ID).To(Equal(made.ID))

	token, err := pki.TokenLifetime(renewed.Token)
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(token.To.Sub(token.From)).To(Equal(20 * time.Minute))
	certificate, err := pki.CertificateLifetime(renewed.ClientCertificate)
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(certificate.To.Sub(certificate.From)).To(Equal(20 * time.Minute))
	w.Expect(w.versionWithCertificate(renewed)).To(Equal(made.ServerVersion))
	w.Expect(w.versionWithToken(renewed)).To(Equal(made.ServerVersion))
	w.Expect(w.fromKubeconfig(renewed.Kubeconfig)).To(Equal(renewed.withoutToken()))
}

// The certificate tells when it has expired: a token is accepted for another minute, the API server's leeway.
func TestShortLivedCredentialsAreRenewedByTheNextApply(t *testing.T) {
	w := newWorkspace(t)
	short := settings(`credential_ttl="1s"`)
	w.mustTofu(append([]string{"apply"}, short...)...)
	old := w.outputs("a")
	w.Eventually(func() int { return w.statusWithCertificate(old) }).WithTimeout(patience).
		Should(Equal(http.StatusUnauthorized))

	output := w.mustTofu(append([]string{"apply"}, short...)...)
	w.Expect(output).To(ContainSubstring("0 added, 0 changed, 0 destroyed"))
	renewed := w.outputs("a")
	w.Expect(renewed.Token).NotTo(Equal(old.Token))
	w.Expect(renewed.ClientCertificate).NotTo(Equal(old.ClientCertificate))
	w.Expect(renewed.ClientKey).NotTo(Equal(old.ClientKey))
	w.Expect(renewed.Kubeconfig).NotTo(Equal(old.Kubeconfig))
}

func TestFailFirst(t *testing.T) {
	w := newWorkspace(t)
	failing := settings("fail_first=2")
	for _, failure := range []string{"failure 1 of the 2", "failure 2 of the 2"} {
		output, code := w.tofu(append([]string{"apply"}, failing...)...)
		w.Expect(code).NotTo(BeZero())
		w.Expect(output).To(And(ContainSubstring("Cluster a was not created"), ContainSubstring(failure)))
		w.Expect(w.programs()).To(BeEmpty())
	}
	w.mustTofu(append([]string{"apply"}, failing...)...)
	w.Expect(w.programs()).To(ConsistOf("etcd", "kube-apiserver"))
	w.mustTofu(append([]string{"destroy"}, failing...)...)
	w.Expect(w.left()).To(BeEmpty())
}

func TestAnInterruptedCreationLeavesNothing(t *testing.T) {
	for name, reached := range map[string]func(*workspace, string){
		"while the API server starts": (*workspace).waitUntilRunning,
		"while it is delayed":         (*workspace).waitUntilServing,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorkspace(t)
			tofu, output := w.start(append([]string{"apply"}, settings(`create_delay="1h"`)...)...)
			reached(w, "a")
			w.Expect(tofu.Process.Signal(syscall.SIGINT)).To(Succeed())
			w.Expect(tofu.Wait()).NotTo(Succeed())
			w.Expect(output.String()).To(ContainSubstring("the creation was interrupted"))
			w.Expect(w.programs()).To(BeEmpty())
			w.Expect(w.left()).To(BeEmpty())
		})
	}
}

func TestACreationWhoseTofuIsKilledLeavesNothing(t *testing.T) {
	w := newWorkspace(t)
	tofu, _ := w.start(append([]string{"apply"}, settings(`create_delay="1h"`)...)...)
	w.waitUntilServing("a")
	plugin := w.pluginOf(tofu.Process.Pid)
	w.Expect(tofu.Process.Kill()).To(Succeed())
	w.Expect(tofu.Wait()).NotTo(Succeed())
	w.Eventually(w.programs).WithTimeout(patience).Should(BeEmpty())
	w.Eventually(plugin.Running).WithTimeout(patience).Should(BeFalse())
	w.Expect(w.left()).To(BeEmpty())
}

func TestWhatAKilledPluginLeftIsReplacedByTheNextApply(t *testing.T) {
	w := newWorkspace(t)
	tofu, _ := w.start(append([]string{"apply"}, settings(`create_delay="1h"`)...)...)
	w.waitUntilServing("a")
	left, err := w.process("a", "kube-apiserver")
	w.Expect(err).NotTo(HaveOccurred())
	plugin := w.pluginOf(tofu.Process.Pid)
	w.Expect(syscall.Kill(plugin.PID, syscall.SIGKILL)).To(Succeed())
	w.Expect(tofu.Process.Kill()).To(Succeed())
	w.Expect(tofu.Wait()).NotTo(Succeed())
	w.Eventually(plugin.Running).WithTimeout(patience).Should(BeFalse())
	w.Expect(w.programs()).To(ConsistOf("etcd", "kube-apiserver"))

	w.mustTofu("apply", "-auto-approve")
	w.Expect(w.programs()).To(ConsistOf("etcd", "kube-apiserver"))
	w.Expect(left.Running()).To(BeFalse())
	w.Expect(w.versionWithToken(w.outputs("a"))).NotTo(BeEmpty())
	w.mustTofu("destroy", "-auto-approve")
	w.Expect(w.programs()).To(BeEmpty())
	w.Expect(w.left()).To(BeEmpty())
}

func TestADeadClusterIsMadeAgainBesideOneThatLives(t *testing.T) {
	w := newWorkspace(t)
	both := []string{"apply", "-auto-approve", "-var", `names=["a","b"]`}
	w.mustTofu(both...)
	a, b := w.outputs("a"), w.outputs("b")
	apiServer, err := w.process("a", "kube-apiserver")
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(apiServer.Stop(0)).To(Succeed())

	output := w.mustTofu(both...)
	w.Expect(output).To(ContainSubstring("1 added, 0 changed, 0 destroyed"))
	w.Expect(w.programs()).To(ConsistOf("etcd", "kube-apiserver", "etcd", "kube-apiserver"))
	w.Expect(w.outputs("a").ID).NotTo(Equal(a.ID))
	w.Expect(w.outputs("b")).To(Equal(b))

	apiServer, err = w.process("b", "kube-apiserver")
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(apiServer.Stop(0)).To(Succeed())
	w.mustTofu("destroy", "-auto-approve")
	w.Expect(w.programs()).To(BeEmpty(), "the etcd of the dead cluster, too")
	w.Expect(w.left()).To(BeEmpty())
}

func TestARenamedClusterIsReplaced(t *testing.T) {
	w := newWorkspace(t)
	w.write("name.tf", `
resource "localkube_cluster" "renamed" {
  name = var.name
}

variable "name" {}
`)
	w.mustTofu("apply", "-auto-approve", "-var", "names=[]", "-var", "name=before")
	w.mustTofu("apply", "-auto-approve", "-var", "names=[]", "-var", "name=after")
	w.Expect(w.programs()).To(ConsistOf("etcd", "kube-apiserver"))
	w.Expect(w.left()).To(ConsistOf(filepath.Join(w.dataDir, "after")))
}

func TestMissingSettings(t *testing.T) {
	w := newWorkspace(t)
	complete := w.environment
	empty := t.TempDir()
	for _, test := range []struct{ without, with, says string }{
		{testkit.AssetsDirVariable + "=", "", "Set assets_dir in the provider's block"},
		{"LOCALKUBE_DATA_DIR=", "", "Set data_dir in the provider's block"},
		{testkit.AssetsDirVariable + "=", testkit.AssetsDirVariable + "=" + empty, "the program etcd"},
	} {
		w.environment = []string{test.with}
		for _, variable := range complete {
			if !strings.HasPrefix(variable, test.without) {
				w.environment = append(w.environment, variable)
			}
		}
		output, code := w.tofu("plan")
		w.Expect(code).To(Equal(1))
		w.Expect(strings.Join(strings.Fields(output), " ")).To(ContainSubstring(test.says))
	}
}

// waitUntilRunning returns when both processes of a cluster run.
func (w *workspace) waitUntilRunning(name string) {
	w.t.Helper()
	w.Eventually(func() (bool, error) {
		apiServer, err := w.process(name, "kube-apiserver")
		return apiServer.Running(), err
	}).WithTimeout(patience).Should(BeTrue())
}

// waitUntilServing returns when nothing but the delay keeps the creation from its end.
func (w *workspace) waitUntilServing(name string) {
	w.t.Helper()
	w.Eventually(func() (string, error) {
		content, err := os.ReadFile(filepath.Join(w.dataDir, name, "cluster.json"))
		return string(content), err
	}).WithTimeout(patience).Should(ContainSubstring("https://127.0.0.1:"))
}

// pluginOf is the provider's process that a tofu has started.
func (w *workspace) pluginOf(tofu int) process.Identity {
	w.t.Helper()
	children, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", tofu))
	w.Expect(err).NotTo(HaveOccurred())
	for _, path := range children {
		content, err := os.ReadFile(path)
		w.Expect(err).NotTo(HaveOccurred())
		for _, field := range strings.Fields(string(content)) {
			program, err := os.Readlink("/proc/" + field + "/exe")
			w.Expect(err).NotTo(HaveOccurred())
			if strings.HasPrefix(filepath.Base(program), "terraform-provider-localkube") {
				return w.identify(field)
			}
		}
	}
	w.t.Fatal("tofu has no provider")
	return process.Identity{}
}

func (w *workspace) identify(pid string) process.Identity {
	var number int
	w.Expect(fmt.Sscan(pid, &number)).To(Equal(1))
	identity, err := process.Find(number)
	w.Expect(err).NotTo(HaveOccurred())
	return identity
}

func (w *workspace) versionWithCertificate(o outputs) string {
	w.t.Helper()
	return w.version(w.get(o, w.certificates(o), "", "/version"))
}

func (w *workspace) versionWithToken(o outputs) string {
	w.t.Helper()
	return w.version(w.get(o, nil, o.Token, "/version"))
}

func (w *workspace) version(answer string) string {
	w.t.Helper()
	var version struct{ GitVersion string }
	w.Expect(json.Unmarshal([]byte(answer), &version)).To(Succeed())
	return version.GitVersion
}

// get returns the API server's answer, which must be a success.
func (w *workspace) get(o outputs, certificates []tls.Certificate, token, path string) string {
	w.t.Helper()
	response := w.request(http.MethodGet, o, certificates, token, path)
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(response.StatusCode).To(Equal(http.StatusOK), string(content))
	return string(content)
}

// statusWithCertificate is how the API server takes the certificate.
func (w *workspace) statusWithCertificate(o outputs) int {
	w.t.Helper()
	response := w.request(http.MethodGet, o, w.certificates(o), "", "/version")
	_ = response.Body.Close()
	return response.StatusCode
}

func (w *workspace) certificates(o outputs) []tls.Certificate {
	w.t.Helper()
	pair, err := tls.X509KeyPair([]byte(o.ClientCertificate), []byte(o.ClientKey))
	w.Expect(err).NotTo(HaveOccurred())
	return []tls.Certificate{pair}
}

func (w *workspace) request(method string, o outputs, certificates []tls.Certificate, token, path string) *http.Response {
	w.t.Helper()
	roots := x509.NewCertPool()
	w.Expect(roots.AppendCertsFromPEM([]byte(o.ClusterCACertificate))).To(BeTrue())
	client := http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: roots, Certificates: certificates},
	}}
	request, err := http.NewRequest(method, o.Endpoint+path, nil)
	w.Expect(err).NotTo(HaveOccurred())
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
	w.Expect(err).NotTo(HaveOccurred())
	return response
}

// credentials are what a kubeconfig and the other outputs both say.
type credentials struct {
	server, authority, certificate, key string
}

func (o outputs) withoutToken() credentials {
	return credentials{o.Endpoint, o.ClusterCACertificate, o.ClientCertificate, o.ClientKey}
}

func (w *workspace) fromKubeconfig(content string) credentials {
	w.t.Helper()
	var read struct {
		Clusters []struct {
			Cluster struct {
				Server    string `json:"server"`
				Authority []byte `json:"certificate-authority-data"`
			} `json:"cluster"`
		} `json:"clusters"`
		Users []struct {
			User struct {
				Certificate []byte `json:"client-certificate-data"`
				Key         []byte `json:"client-key-data"`
			} `json:"user"`
		} `json:"users"`
	}
	w.Expect(yaml.Unmarshal([]byte(content), &read)).To(Succeed())
	w.Expect(read.Clusters).To(HaveLen(1))
	w.Expect(read.Users).To(HaveLen(1))
	cluster, user := read.Clusters[0].Cluster, read.Users[0].User
	return credentials{cluster.Server, string(cluster.Authority), string(user.Certificate), string(user.Key)}
}
