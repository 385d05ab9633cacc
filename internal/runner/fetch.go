package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/captproject/capt/internal/tofu"
)

// incomplete are the summaries of errors after which a copy of a module is not
// whole although there is something.
var incomplete = []string{"Failed to copy root module", "Failed to copy descendent module", "Root module references parent directory"}

// fetchModule fetches a remote module and enters the folder of it that is to be
// run.
func (r *run) fetchModule(ctx context.Context) error {
	// Fetching goes on to install providers, which is too early and in the
	// wrong folder: there are none for it.
	config := r.path(fetchConfig)
	if err := os.WriteFile(config, []byte(tofu.Installation{Mirror: r.path(homeDir)}.CLIConfig()), 0o600); err != nil {
		return err
	}
	cli := r.cli
	cli.Dir = r.root
	cli.Env = append(slices.Clone(cli.Env), "TF_CLI_CONFIG_FILE="+config)
	cli.Follow = nil
	r.log.printf("fetching the module %s", r.inputs.Module.Content)
	err := cli.FromModule(ctx, r.inputs.Module.Content)
	var failed *tofu.Error
	switch {
	case ctx.Err() != nil:
		return r.interrupted(ctx)
	case err == nil:
	case !errors.As(err, &failed):
		return err
	case r.copyIsUseless(failed):
		return r.classify(failed, ReasonModuleNotFound, fetching)
	}
	return r.enter()
}

// copyIsUseless tells an error of the copy from one of what follows it.
func (r *run) copyIsUseless(failed *tofu.Error) bool {
	for _, d := range tofu.Errors(failed.Diagnostics) {
		if slices.Contains(incomplete, d.Summary) {
			return true
		}
	}
	entries, err := os.ReadDir(r.root)
	return err != nil || !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() != terraformDir })
}

// enter makes the module's entrypoint the working directory.
func (r *run) enter() error {
	entrypoint := r.inputs.Module.Entrypoint
	if entrypoint != "" {
		outer, err := os.OpenRoot(r.root)
		if err != nil {
			return err
		}
		defer func() { _ = outer.Close() }()
		inner, err := outer.OpenRoot(entrypoint)
		if err != nil {
			return fail(ReasonModuleNotFound, fmt.Sprintf("the module has no folder %q: correct the template's entrypoint", entrypoint))
		}
		_ = inner.Close()
		r.root = filepath.Join(r.root, entrypoint)
	}
	primary, _, err := configFiles(r.root)
	if err != nil {
		return err
	}
	if len(primary) == 0 {
		return fail(ReasonModuleNotFound, fmt.Sprintf(
			"there are no .tf files at %s, entrypoint %q: correct the address or the entrypoint", r.inputs.Module.Content, entrypoint))
	}
	return nil
}
