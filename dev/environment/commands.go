package environment

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/captproject/capt/dev/internal/sweep"
)

// Run runs one of the programs (toolbox.Kubectl, toolbox.Clusterctl) and
// returns what it printed. It talks to the management cluster unless told
// otherwise, and keeps its own files below the root directory.
func (e *Environment) Run(ctx context.Context, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, e.Programs.Path(program), args...)
	cmd.Dir = e.Programs.checkout
	cmd.Env = e.variables("KUBECONFIG=" + e.Kubeconfig)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// Leftovers describes what is there for the sake of workspaces: processes that
// were started for the environment but not by it (runners, OpenTofu, providers,
// workload clusters), as "process <name> (<id>)", and their directories.
func (e *Environment) Leftovers() ([]string, error) {
	processes, err := sweep.Find(e.Root)
	if err != nil {
		return nil, err
	}
	var left []string
	for _, p := range processes {
		// What the environment runs itself is a child of this process.
		if p.Parent != os.Getpid() {
			left = append(left, fmt.Sprintf("process %s (%d)", p.Name(), p.PID))
		}
	}
	for _, dir := range []string{"runs", "localkube"} {
		entries, err := os.ReadDir(e.path(dir))
		if err != nil {
			return nil, fmt.Errorf("look for what was left: %w", err)
		}
		for _, entry := range entries {
			left = append(left, "file "+e.path(dir, entry.Name()))
		}
	}
	return left, nil
}
