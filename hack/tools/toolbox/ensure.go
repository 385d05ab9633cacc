package toolbox

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Programs says where programs are. All paths are absolute.
type Programs struct {
	// ClusterAPICRDs is the folder of Cluster API core's CRDs, and
	// ClusterAPIWebhooks the file with its webhook configurations; set when
	// ClusterAPICore was asked for.
	ClusterAPICRDs     string
	ClusterAPIWebhooks string
	// ProviderMirror is a filesystem mirror which holds the provider
	// registry.opentofu.org/captproject/localkube; set when LocalkubeProvider
	// was asked for.
	ProviderMirror string
	// Assets is a folder that holds etcd and kube-apiserver (and kubectl, if
	// it was asked for) side by side, as envtest's BinaryAssetsDirectory and
	// localkube's assets_dir want them; set when both were asked for.
	Assets string

	paths map[string]string
}

// Path is the executable of a program that was asked for. It panics for any
// other: the caller has to ask for what it uses.
func (p Programs) Path(name string) string {
	path, ok := p.paths[name]
	if !ok {
		panic("toolbox: " + name + " was not asked for in Ensure")
	}
	return path
}

// Ensure builds those of the named programs that do not exist yet, and returns
// where all of them are; without names, all that the development environment
// and the tests need. It must be called within a checkout, may be called from
// any number of processes at the same time, and writes to out (typically
// os.Stderr) only when it has something to build.
//
// Errors: an unknown name, an environment variable (see [AssetsVariable],
// [TofuVariable], [ClusterctlVariable]) that names something unusable, or a
// failed build, with what the compiler said.
func Ensure(ctx context.Context, out io.Writer, names ...string) (Programs, error) {
	dir, err := os.Getwd()
	if err != nil {
		return Programs{}, err
	}
	root, err := checkout(dir)
	if err != nil {
		return Programs{}, err
	}
	cache, err := cacheDir(os.Getenv)
	if err != nil {
		return Programs{}, err
	}
	b := &box{root: root, cache: cache, catalogue: catalogue(), getenv: os.Getenv}
	return b.ensure(ctx, out, names)
}

// Names lists the programs that Ensure knows.
func Names() []string {
	var names []string
	for _, p := range catalogue() {
		names = append(names, p.name)
	}
	return names
}

// box is one cache of programs and the checkout that they are built from.
type box struct {
	root      string
	cache     string
	catalogue []program
	getenv    func(string) string
}

func (b *box) moduleDir(p program) string {
	return filepath.Join(b.root, p.dir)
}

// missing is a program to build and the folder that shall hold it.
type missing struct {
	program
	entry string
}

func (b *box) ensure(ctx context.Context, out io.Writer, names []string) (Programs, error) {
	selected, err := b.selected(names)
	if err != nil {
		return Programs{}, err
	}
	found := Programs{paths: map[string]string{}}
	var todo []missing
	for _, p := range selected {
		path, err := provided(p.name, b.getenv)
		if err != nil {
			return Programs{}, err
		}
		if path != "" {
			found.paths[p.name] = path
			continue
		}
		key, err := b.key(ctx, p)
		if err != nil {
			return Programs{}, fmt.Errorf("find %s: %w", p.name, err)
		}
		entry := filepath.Join(b.cache, p.name, key)
		found.add(p, entry)
		if !exists(entry) {
			todo = append(todo, missing{p, entry})
		}
		// Its age decides when it is removed as unused.
		_ = os.Chtimes(entry, time.Time{}, time.Now())
	}
	if err := b.buildAll(ctx, out, todo); err != nil {
		return Programs{}, err
	}
	if found.paths[Etcd] != "" && found.paths[KubeAPIServer] != "" {
		found.Assets, err = b.assets(found.paths)
	}
	return found, err
}

// selected are the named programs in the catalogue's order.
func (b *box) selected(names []string) ([]program, error) {
	var known []string
	var selected []program
	for _, p := range b.catalogue {
		known = append(known, p.name)
		if slices.Contains(names, p.name) || len(names) == 0 && !p.optional {
			selected = append(selected, p)
		}
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("unknown program %q: known are %s", name, strings.Join(known, ", "))
		}
	}
	return selected, nil
}

func (p *Programs) add(program program, entry string) {
	p.paths[program.name] = filepath.Join(entry, program.executable())
	switch program.name {
	case ClusterAPICore:
		p.ClusterAPICRDs = filepath.Join(entry, crdsDir)
		p.ClusterAPIWebhooks = filepath.Join(entry, webhookDir, "manifests.yaml")
	case LocalkubeProvider:
		p.ProviderMirror = filepath.Join(entry, mirrorDir)
	}
}

func (b *box) buildAll(ctx context.Context, out io.Writer, todo []missing) error {
	if len(todo) == 0 {
		return nil
	}
	if err := os.MkdirAll(b.cache, 0o755); err != nil {
		return fmt.Errorf("make the folder of built programs: %w", err)
	}
	fmt.Fprintf(out, "Building what is missing in %s, once. On two cores and with nothing cached, all of it takes about 15 minutes.\n", b.cache)
	progress := newProgress(out, len(todo))
	for _, m := range todo {
		err := progress.follow(m.name, func(stage func(string)) (string, error) {
			built, err := b.build(ctx, m.program, m.entry, stage)
			if built {
				return "built", err
			}
			return "built by another process", err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
