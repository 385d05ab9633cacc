package sweep

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Cgroup is the path of the environment's cgroup below each mounted hierarchy.
func Cgroup(root string) string { return "/" + filepath.Base(root) }

// MakeCgroup makes the environment's cgroup in every hierarchy.
func MakeCgroup(root string) error {
	dirs, err := cgroupDirs(root)
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make a cgroup: %w", err)
		}
	}
	return nil
}

// RemoveCgroup removes the environment's cgroup and all below it, whose
// processes have been killed. It is no error if there is none.
func RemoveCgroup(root string) error {
	dirs, err := cgroupDirs(root)
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		err = errors.Join(err, removeCgroup(dir))
	}
	return err
}

// removeCgroup removes directories from the bottom up, since the files in them
// cannot be removed.
func removeCgroup(top string) error {
	var dirs []string
	err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			dirs = append(dirs, path)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list cgroups: %w", err)
	}
	for _, dir := range slices.Backward(dirs) {
		if err := removeIdle(dir); err != nil {
			return fmt.Errorf("remove a cgroup: %w", err)
		}
	}
	return nil
}

// removeIdle removes one directory. A killed process keeps its cgroup busy until
// it is gone, and nobody tells us of that.
func removeIdle(dir string) error {
	deadline := time.After(bound)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		err := os.Remove(dir)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		select {
		case <-deadline:
			return err
		case <-tick.C:
		}
	}
}

// cgroupDirs are the directories of the environment's cgroup, of which version
// 1 has one for each controller.
func cgroupDirs(root string) ([]string, error) {
	all, err := mounts()
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, m := range all {
		if strings.HasPrefix(m.fsType, "cgroup") {
			dirs = append(dirs, filepath.Join(m.point, Cgroup(root)))
		}
	}
	return dirs, nil
}
