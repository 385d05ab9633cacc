package toolbox

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// assets makes a folder which links the programs of a Kubernetes control plane
// that were found, as envtest and the localkube provider want them: side by
// side and under their own names.
func (b *box) assets(found map[string]string) (string, error) {
	hash := sha256.New()
	links := map[string]string{}
	for _, name := range []string{Etcd, KubeAPIServer, Kubectl} {
		if path, ok := found[name]; ok {
			links[name] = path
			fmt.Fprintf(hash, "%q %q\n", name, path)
		}
	}
	dir := filepath.Join(b.cache, "assets", hex.EncodeToString(hash.Sum(nil))[:20])
	if exists(dir) {
		return dir, nil
	}
	if err := b.link(links, dir); err != nil {
		return "", fmt.Errorf("put etcd and kube-apiserver side by side: %w", err)
	}
	return dir, nil
}

func (b *box) link(links map[string]string, dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	temporary, err := os.MkdirTemp(b.cache, ".assets-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(temporary) }()
	for name, path := range links {
		if err := os.Symlink(path, filepath.Join(temporary, name)); err != nil {
			return err
		}
	}
	// Another process may have made the same folder meanwhile.
	if err := install(temporary, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
