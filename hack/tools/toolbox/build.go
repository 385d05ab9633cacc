package toolbox

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const (
	buildingPrefix = ".building-"
	keepUnused     = 30 * 24 * time.Hour
)

// build makes the folder of a program, unless another process was quicker,
// and reports whether it did. One build runs at a time on a machine: go uses
// all cores anyway.
func (b *box) build(ctx context.Context, p program, entry string, stage func(string)) (bool, error) {
	unlock, err := b.lock(ctx, func() { stage("waiting for another build") })
	if err != nil {
		return false, err
	}
	defer unlock()
	if exists(entry) {
		return false, nil
	}
	stage("building")
	b.removeInterrupted()
	temporary, err := os.MkdirTemp(b.cache, buildingPrefix)
	if err != nil {
		return false, fmt.Errorf("make a folder to build in: %w", err)
	}
	defer func() { _ = os.RemoveAll(temporary) }()
	if err := b.buildInto(ctx, p, temporary); err != nil {
		return false, fmt.Errorf("build %s: %w", p.name, err)
	}
	if err := install(temporary, entry); err != nil {
		return false, fmt.Errorf("install %s: %w", p.name, err)
	}
	removeUnused(filepath.Dir(entry), time.Now().Add(-keepUnused))
	return true, nil
}

func (b *box) buildInto(ctx context.Context, p program, dir string) error {
	flags, err := b.buildFlags(p)
	if err != nil {
		return err
	}
	args := append([]string{"build", "-o", filepath.Join(dir, p.executable())}, flags...)
	if _, err := b.golang(ctx, p, append(args, p.pkg)...); err != nil {
		return err
	}
	return b.carry(ctx, p, dir)
}

// carry copies folders of the program's module, so that manifests are always
// those of the very version that was built.
func (b *box) carry(ctx context.Context, p program, dir string) error {
	if len(p.carried) == 0 {
		return nil
	}
	source, err := b.golang(ctx, p, "list", "-m", "-f", "{{.Dir}}", p.module)
	if err != nil {
		return err
	}
	for from, to := range p.carried {
		if err := os.CopyFS(filepath.Join(dir, to), os.DirFS(filepath.Join(source, from))); err != nil {
			return fmt.Errorf("copy %s of %s: %w", from, p.module, err)
		}
	}
	return nil
}

// install makes a finished folder visible in one step: an entry that exists is
// complete.
func install(temporary, entry string) error {
	if err := os.Chmod(temporary, 0o755); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(entry), 0o755); err != nil {
		return err
	}
	return os.Rename(temporary, entry)
}

// removeInterrupted removes what a killed process left. Called with the lock
// held, so none of it is in use.
func (b *box) removeInterrupted() {
	left, _ := filepath.Glob(filepath.Join(b.cache, buildingPrefix+"*"))
	for _, dir := range left {
		_ = os.RemoveAll(dir)
	}
}

// removeUnused removes the builds of one program that nobody asked for since
// the given time. It is a courtesy: failing to is no error.
func removeUnused(dir string, since time.Time) {
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && info.ModTime().Before(since) {
			_ = os.RemoveAll(filepath.Join(dir, entry.Name()))
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
