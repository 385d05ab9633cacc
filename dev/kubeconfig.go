package main

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
)

// devDir is where files for the user are, in the checkout. git ignores it.
const devDir = ".dev"

// defaultKubeconfigs are the paths tried for the kubeconfig, in this order.
func defaultKubeconfigs(dir string) iter.Seq[string] {
	return func(yield func(string) bool) {
		name := "management.kubeconfig"
		for i := 2; yield(filepath.Join(dir, name)); i++ {
			name = fmt.Sprintf("management-%d.kubeconfig", i)
		}
	}
}

// createFirst creates the first of the files that does not exist, for its
// owner only.
func createFirst(paths iter.Seq[string]) (*os.File, error) {
	var err error
	for path := range paths {
		var file *os.File
		file, err = os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			return file, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	return nil, fmt.Errorf("write the kubeconfig: %w", err)
}
