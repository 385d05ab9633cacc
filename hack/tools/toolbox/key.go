package toolbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// key hashes all that decides what the folder of a program holds: the Go
// release, the platform, flags, package, layout, and either the pins (go.mod
// and go.sum) or, for a program whose source lies here, that source.
func (b *box) key(ctx context.Context, p program) (string, error) {
	goVersion, err := b.goVersion(ctx, p)
	if err != nil {
		return "", err
	}
	flags, err := b.buildFlags(p)
	if err != nil {
		return "", err
	}
	files, err := b.inputs(p)
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	fmt.Fprintf(hash, "%q\n", []string{goVersion, runtime.GOOS, runtime.GOARCH, p.pkg, p.executable()})
	fmt.Fprintf(hash, "%q\n%q\n", flags, p.carried)
	for _, file := range files {
		if err := hashFile(hash, b.moduleDir(p), file); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(hash.Sum(nil))[:20], nil
}

func hashFile(hash io.Writer, dir, file string) error {
	content, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return fmt.Errorf("read a build input: %w", err)
	}
	fmt.Fprintf(hash, "%q %d\n", file, len(content))
	_, err = hash.Write(content)
	return err
}

// inputs are the files whose content is part of the key, relative to the
// program's module.
func (b *box) inputs(p program) ([]string, error) {
	if p.module != "" {
		return []string{"go.mod", "go.sum"}, nil
	}
	files, err := sources(b.moduleDir(p))
	if err != nil {
		return nil, fmt.Errorf("list the source of %s: %w", p.name, err)
	}
	return files, nil
}

// sources lists everything in a module that may end in a binary, embedded
// files included, and leaves out what cannot.
func sources(dir string) ([]string, error) {
	var files []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := name != "." && strings.HasPrefix(entry.Name(), ".")
		if entry.IsDir() {
			if hidden || entry.Name() == "testdata" {
				return fs.SkipDir
			}
			return nil
		}
		if entry.Type().IsRegular() && !hidden && !strings.HasSuffix(name, "_test.go") {
			files = append(files, name)
		}
		return nil
	})
	slices.Sort(files)
	return files, err
}

// buildFlags are the flags of the build, the module's version included.
func (b *box) buildFlags(p program) ([]string, error) {
	link := []string{"-s", "-w"}
	if p.stamp != nil {
		version, err := requiredVersion(filepath.Join(b.moduleDir(p), "go.mod"), p.module)
		if err != nil {
			return nil, err
		}
		link = append(link, p.stamp(version)...)
	}
	flags := []string{"-trimpath", "-buildvcs=false", "-ldflags", strings.Join(link, " ")}
	if p.tags != "" {
		flags = append(flags, "-tags", p.tags)
	}
	return flags, nil
}

// requiredVersion reads which version of a module a go.mod requires.
func requiredVersion(goMod, module string) (string, error) {
	content, err := os.ReadFile(goMod)
	if err != nil {
		return "", fmt.Errorf("read the pinned version of %s: %w", module, err)
	}
	file, err := modfile.ParseLax(goMod, content, nil)
	if err != nil {
		return "", fmt.Errorf("read the pinned version of %s: %w", module, err)
	}
	for _, require := range file.Require {
		if require.Mod.Path == module {
			return require.Mod.Version, nil
		}
	}
	return "", fmt.Errorf("%s does not require %s", goMod, module)
}
