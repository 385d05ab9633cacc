package toolbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/modfile"
)

const rootModule = "github.com/captproject/capt"

// checkout finds the folder of the project's root module at or above dir.
// Tests run in the folder of their package and commands wherever the user is.
func checkout(dir string) (string, error) {
	for {
		content, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && modfile.ModulePath(content) == rootModule {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("no checkout of %s here: run this in one", rootModule)
		}
		dir = parent
	}
}

// cacheDir is where built programs are kept; it is made when needed.
func cacheDir(getenv func(string) string) (string, error) {
	if dir := getenv(ToolsDirVariable); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a folder for built programs (set %s): %w", ToolsDirVariable, err)
	}
	return filepath.Join(dir, "capt", "tools"), nil
}

// provided returns the program that the user has already, or "" when none is
// named. A variable that names something unusable is an error rather than a
// reason to build for minutes.
func provided(name string, getenv func(string) string) (string, error) {
	variable, path := "", ""
	switch name {
	case Etcd, KubeAPIServer, Kubectl:
		variable = AssetsVariable
		path = filepath.Join(getenv(variable), name)
	case Tofu:
		variable = TofuVariable
		path = getenv(variable)
	case Clusterctl:
		variable = ClusterctlVariable
		path = getenv(variable)
	}
	if variable == "" || getenv(variable) == "" {
		return "", nil
	}
	if err := executable(path); err != nil {
		return "", fmt.Errorf("%s gives no %s (unset it to have one built): %w", variable, name, err)
	}
	return filepath.Abs(path)
}

func executable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return &os.PathError{Op: "execute", Path: path, Err: errors.New("not an executable file")}
	}
	return nil
}
