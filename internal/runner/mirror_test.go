package runner

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	. "github.com/onsi/gomega"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/hack/tools/toolbox"
	"github.com/captproject/capt/internal/inputs"
)

const (
	localkubeSource  = "registry.opentofu.org/captproject/localkube"
	localkubeVersion = "0.1.0"
)

// localkubeModule makes nothing, but OpenTofu asks the provider for its schema.
const localkubeModule = `
terraform {
  required_providers {
    localkube = { source = "captproject/localkube" }
  }
}
provider "localkube" {
  assets_dir = "/nowhere"
  data_dir   = "/nowhere"
}
resource "localkube_cluster" "none" {
  count = 0
  name  = "none"
}
output "out" { value = "done" }
`

// mirror is a network mirror that has the provider localkube.
type mirror struct {
	*httptest.Server
	// certificate is a file with what a client has to trust.
	certificate string
	// downloads counts those of the provider.
	downloads atomic.Int32
}

// newMirror serves OpenTofu's provider network mirror protocol below /providers/.
func newMirror(t *testing.T) *mirror {
	t.Helper()
	g := NewWithT(t)
	programs, err := toolbox.Ensure(context.Background(), os.Stderr, toolbox.LocalkubeProvider)
	g.Expect(err).NotTo(HaveOccurred())
	archive := zipped(t, programs.Path(toolbox.LocalkubeProvider), "terraform-provider-localkube_v"+localkubeVersion)
	platform := runtime.GOOS + "_" + runtime.GOARCH
	m := &mirror{certificate: filepath.Join(t.TempDir(), "ca.crt")}
	answer := func(body any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(body)
		}
	}
	mux := http.NewServeMux()
	mux.Handle("/providers/"+localkubeSource+"/index.json", answer(map[string]any{"versions": map[string]any{localkubeVersion: map[string]any{}}}))
	mux.Handle("/providers/"+localkubeSource+"/"+localkubeVersion+".json", answer(map[string]any{"archives": map[string]any{platform: map[string]any{"url": "provider.zip"}}}))
	mux.HandleFunc("/providers/"+localkubeSource+"/provider.zip", func(w http.ResponseWriter, _ *http.Request) {
		m.downloads.Add(1)
		_, _ = w.Write(archive)
	})
	m.Server = httptest.NewTLSServer(mux)
	t.Cleanup(m.Close)
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: m.Certificate().Raw})
	g.Expect(os.WriteFile(m.certificate, certificate, 0o600)).To(Succeed())
	return m
}

// zipped is an archive of one program.
func zipped(t *testing.T, path, name string) []byte {
	t.Helper()
	g := NewWithT(t)
	content, err := os.ReadFile(path)
	g.Expect(err).NotTo(HaveOccurred())
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	header := &zip.FileHeader{Name: name, Method: zip.Store}
	header.SetMode(0o755)
	entry, err := w.CreateHeader(header)
	g.Expect(err).NotTo(HaveOccurred())
	_, err = entry.Write(content)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(w.Close()).To(Succeed())
	return archive.Bytes()
}

// of is a module whose OpenTofu trusts the mirror.
func (m *mirror) of(module string) inputs.Inputs {
	in := inline(module)
	in.Env = []inputs.EnvVar{{Name: "SSL_CERT_FILE", Value: m.certificate}}
	return in
}

// at is a workspace that has its providers from there.
func (m *mirror) at(t *testing.T, plugins string) *workspace {
	t.Helper()
	w := newWorkspace(t)
	w.ProviderMirror, w.Plugins = m.URL+"/providers/", plugins
	return w
}

// plugin is where the run has its provider.
func (w *workspace) plugin() string {
	return filepath.Join(w.Dir, workDir, terraformDir, "providers", localkubeSource, localkubeVersion, runtime.GOOS+"_"+runtime.GOARCH)
}

func TestANetworkMirrorIsAskedOnceForAPlugin(t *testing.T) {
	g := NewWithT(t)
	m, plugins := newMirror(t), filepath.Join(t.TempDir(), "plugins")
	kept := filepath.Join(plugins, localkubeSource, localkubeVersion, runtime.GOOS+"_"+runtime.GOARCH)
	for range 2 {
		w := m.at(t, plugins)
		w.Expect(w.apply(m.of(localkubeModule)).Phase).To(Equal(infrav1.RunSucceeded))
		w.Expect(os.Readlink(w.plugin())).To(Equal(kept))
		w.Expect(string(w.secret("w-outputs").Data[LockFileKey])).To(ContainSubstring("h1:"))
		w.Expect(w.run(t.Context(), "w-2", infrav1.OperationDestroy).Phase).To(Equal(infrav1.RunSucceeded), "with the lock file of the first")
	}
	g.Expect(m.downloads.Load()).To(BeEquivalentTo(1))

	// What is kept is held against the lock file like everything else.
	w := m.at(t, plugins)
	w.Expect(w.apply(m.of(localkubeModule)).Phase).To(Equal(infrav1.RunSucceeded))
	g.Expect(os.WriteFile(filepath.Join(kept, "more"), nil, 0o600)).To(Succeed())
	w.Expect(w.run(t.Context(), "w-2", infrav1.OperationApply).Reason).To(Equal(ReasonLockFileMismatch))
}

func TestRunsThatDownloadAtOnceDoNotMeet(t *testing.T) {
	m, plugins := newMirror(t), t.TempDir()
	var all sync.WaitGroup
	for range 4 {
		w := m.at(t, plugins)
		w.setInputs(m.of(localkubeModule))
		all.Go(func() {
			result, err := Run(t.Context(), w.client, w.Options)
			if err != nil || result.Phase != infrav1.RunSucceeded {
				t.Errorf("%v %+v", err, result)
			}
		})
	}
	all.Wait()
}

func TestWithoutAPlaceForPluginsEachRunHasItsOwn(t *testing.T) {
	m := newMirror(t)
	w := m.at(t, "")
	w.Expect(w.apply(m.of(localkubeModule)).Phase).To(Equal(infrav1.RunSucceeded))
	info, err := os.Lstat(w.plugin())
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(info.IsDir()).To(BeTrue())
}

func TestANetworkMirrorThatIsNotTrusted(t *testing.T) {
	m := newMirror(t)
	w := m.at(t, t.TempDir())
	result := w.apply(inline(localkubeModule))
	w.Expect(result.Reason).To(Equal(ReasonProviderNotFound))
	w.Expect(result.Message).To(ContainSubstring("certificate"))
}

func TestWhatANetworkMirrorLacksComesFromNowhereElse(t *testing.T) {
	m := newMirror(t)
	w := m.at(t, t.TempDir())
	result := w.apply(m.of(strings.ReplaceAll(localkubeModule, "captproject/localkube", "captproject/other")))
	w.Expect(result.Reason).To(Equal(ReasonProviderNotFound))
	w.Expect(result.Message).To(ContainSubstring("captproject/other"))
}

// A directory of unpacked plugins is used as it is.
func TestPluginsOfADirectoryAreLinked(t *testing.T) {
	w := newWorkspace(t)
	programs, err := toolbox.Ensure(context.Background(), os.Stderr, toolbox.LocalkubeProvider)
	w.Expect(err).NotTo(HaveOccurred())
	w.ProviderMirror = programs.ProviderMirror
	w.Expect(w.apply(inline(localkubeModule)).Phase).To(Equal(infrav1.RunSucceeded))
	w.Expect(os.Readlink(w.plugin())).To(HavePrefix(programs.ProviderMirror))
}
