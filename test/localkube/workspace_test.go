package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/captproject/capt/test/localkube/internal/process"
	"github.com/captproject/capt/test/localkube/internal/provider"
	"github.com/captproject/capt/test/localkube/internal/testkit"
)

// mirror is a filesystem mirror with the provider as it is here, built once.
var (
	mirror    = sync.OnceValue(buildMirror)
	mirrorDir string
)

func buildMirror() error {
	var err error
	mirrorDir, err = os.MkdirTemp("", "localkube-mirror-")
	if err != nil {
		return err
	}
	program := filepath.Join(mirrorDir, provider.Address, provider.Version, runtime.GOOS+"_"+runtime.GOARCH,
		"terraform-provider-localkube_v"+provider.Version)
	build := exec.Command("go", "build", "-o", program, ".")
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the provider: %w\n%s", err, output)
	}
	return nil
}

func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(mirrorDir)
	os.Exit(code)
}

// workspace is a folder with a module in which the real tofu works.
type workspace struct {
	*WithT
	t *testing.T

	dir, dataDir string
	environment  []string
}

// newWorkspace initializes the module below. What it leaves running is ended with the test, also when that fails.
func newWorkspace(t *testing.T) *workspace {
	t.Helper()
	w := &workspace{WithT: NewWithT(t), t: t, dir: t.TempDir(), dataDir: filepath.Join(t.TempDir(), "data")}
	t.Cleanup(func() { w.Expect(testkit.EndProcesses(w.dataDir)).To(Succeed()) })
	w.Expect(mirror()).To(Succeed())
	w.write("main.tf", module)
	w.write("tofu.rc", fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", mirrorDir))
	w.environment = []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + w.dir,
		"CHECKPOINT_DISABLE=1",
		"TF_CLI_CONFIG_FILE=" + filepath.Join(w.dir, "tofu.rc"),
		testkit.AssetsDirVariable + "=" + testkit.AssetsDir(t),
		"LOCALKUBE_DATA_DIR=" + w.dataDir,
	}
	w.mustTofu("init")
	return w
}

const module = `
terraform {
  required_providers {
    localkube = {
      source  = "captproject/localkube"
      version = "0.1.0"
    }
  }
}

variable "names" {
  type    = set(string)
  default = ["a"]
}

variable "settings" {
  type    = map(string)
  default = {}
}

resource "localkube_cluster" "this" {
  for_each           = var.names
  name               = each.key
  kubernetes_version = lookup(var.settings, "kubernetes_version", null)
  create_delay       = lookup(var.settings, "create_delay", null)
  fail_first         = lookup(var.settings, "fail_first", null)
  credential_ttl     = lookup(var.settings, "credential_ttl", null)
}

output "clusters" {
  value     = localkube_cluster.this
  sensitive = true
}
`

func (w *workspace) write(name, content string) {
	w.Expect(os.WriteFile(filepath.Join(w.dir, name), []byte(content), 0o600)).To(Succeed())
}

// command is tofu, ready to start.
func (w *workspace) command(args ...string) *exec.Cmd {
	cmd := exec.Command(testkit.Tofu(w.t), args...)
	cmd.Dir, cmd.Env = w.dir, w.environment
	return cmd
}

// tofu returns what the command printed, and its exit code.
func (w *workspace) tofu(args ...string) (output string, code int) {
	w.t.Helper()
	cmd := w.command(append(args, "-no-color")...)
	content, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		w.Expect(err).NotTo(HaveOccurred())
	}
	return string(content), cmd.ProcessState.ExitCode()
}

func (w *workspace) mustTofu(args ...string) string {
	w.t.Helper()
	output, code := w.tofu(args...)
	w.Expect(code).To(BeZero(), output)
	return output
}

// start is tofu without waiting for it. It is killed at the end of the test should it still run.
func (w *workspace) start(args ...string) (cmd *exec.Cmd, output *bytes.Buffer) {
	w.t.Helper()
	cmd, output = w.command(append(args, "-no-color")...), &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = output, output
	w.Expect(cmd.Start()).To(Succeed())
	w.t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, output
}

// settings are the arguments that set the cluster's settings.
func settings(pairs ...string) []string {
	return []string{"-auto-approve", "-var", "settings={" + strings.Join(pairs, ",") + "}"}
}

// outputs is the state of one cluster as the module's output has it.
type outputs struct {
	ID                   string `json:"id"`
	KubernetesVersion    string `json:"kubernetes_version"`
	ServerVersion        string `json:"server_version"`
	Endpoint             string `json:"endpoint"`
	ClusterCACertificate string `json:"cluster_ca_certificate"`
	ClientCertificate    string `json:"client_certificate"`
	ClientKey            string `json:"client_key"`
	Kubeconfig           string `json:"kubeconfig"`
	Token                string `json:"token"`
}

func (w *workspace) outputs(name string) outputs {
	w.t.Helper()
	var clusters map[string]outputs
	w.Expect(json.Unmarshal([]byte(w.mustTofu("output", "-json", "clusters")), &clusters)).To(Succeed())
	w.Expect(clusters).To(HaveKey(name))
	return clusters[name]
}

// process is the recorded process of one program of a cluster.
func (w *workspace) process(name, program string) (process.Identity, error) {
	return process.ReadRecord(filepath.Join(w.dataDir, name, program+".pid.json"))
}

// programs are the names of the programs that run for this workspace.
func (w *workspace) programs() []string {
	return slices.Collect(maps.Values(testkit.Processes(w.dataDir)))
}

// left are the files in the data directory.
func (w *workspace) left() []string {
	files, _ := filepath.Glob(filepath.Join(w.dataDir, "*"))
	return files
}
