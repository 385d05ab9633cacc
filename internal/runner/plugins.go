package runner

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/captproject/capt/internal/tofu"
)

// installation says where the providers of the run come from.
func (r *run) installation() tofu.Installation {
	return tofu.Installation{Mirror: r.ProviderMirror, Plugins: r.Plugins}
}

// keepPlugins moves what init has downloaded and unpacked to where other runs find
// it, and links it from here. What somebody else has put there meanwhile stays,
// and this run goes on with its own.
//
// This is not left to OpenTofu's plugin cache: that unpacks into its place, and one
// that is killed meanwhile leaves half a plugin there for all that follow.
func (r *run) keepPlugins() error {
	if r.Plugins == "" {
		return nil
	}
	providers := filepath.Join(r.root, terraformDir, "providers")
	// HOST/NAMESPACE/TYPE/VERSION/PLATFORM, as in a mirror.
	packages, err := filepath.Glob(filepath.Join(providers, "*", "*", "*", "*", "*"))
	if err != nil {
		return err
	}
	for _, unpacked := range packages {
		name, err := filepath.Rel(providers, unpacked)
		if err != nil {
			return err
		}
		if err := r.keepPlugin(unpacked, filepath.Join(r.Plugins, name)); err != nil {
			return fmt.Errorf("keeping a provider for other runs: %w", err)
		}
	}
	return nil
}

// keepPlugin moves one package. Where that is not possible, each run has its own.
func (r *run) keepPlugin(unpacked, kept string) error {
	if info, err := os.Lstat(unpacked); err != nil || !info.IsDir() {
		return err // it is a link already
	}
	err := os.MkdirAll(filepath.Dir(kept), 0o700)
	if err == nil {
		err = os.Rename(unpacked, kept)
	}
	switch {
	case os.IsExist(err):
		return nil // another run was faster
	case err != nil:
		r.log.printf("a provider is not kept for other runs: %v", err)
		return nil
	}
	return os.Symlink(kept, unpacked)
}
