package testkit

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Environment variables that say where the real programs are. Without them the toolbox of the repository is asked, which
// builds what is missing.
const (
	TofuVariable      = "LOCALKUBE_TEST_TOFU"
	AssetsDirVariable = "LOCALKUBE_ASSETS_DIR"
)

var (
	tofu      = sync.OnceValues(func() (string, error) { return locate(TofuVariable, "path", "tofu") })
	assetsDir = sync.OnceValues(func() (string, error) { return locate(AssetsDirVariable, "assets") })
)

// Tofu is the path of the program tofu.
func Tofu(t *testing.T) string {
	t.Helper()
	return must(t, tofu)
}

// AssetsDir is the path of the folder with the programs etcd and kube-apiserver.
func AssetsDir(t *testing.T) string {
	t.Helper()
	return must(t, assetsDir)
}

func must(t *testing.T, located func() (string, error)) string {
	t.Helper()
	path, err := located()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func locate(variable string, command ...string) (string, error) {
	if path := os.Getenv(variable); path != "" {
		return path, nil
	}
	ourModule, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("looking for the toolbox: %w", err)
	}
	toolbox := exec.Command("go", append([]string{"run", "./hack/tools"}, command...)...)
	toolbox.Dir = filepath.Join(filepath.Dir(string(ourModule)), "..", "..")
	toolbox.Stderr = os.Stderr
	path, err := toolbox.Output()
	if err != nil {
		return "", fmt.Errorf("asking the toolbox (%s) instead of %s: %w", toolbox, variable, err)
	}
	return strings.TrimSpace(string(path)), nil
}
