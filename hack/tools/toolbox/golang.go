package toolbox

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// interruptGrace is how long an interrupted go command may take to clean up
// its work folder before it is killed.
const interruptGrace = 10 * time.Second

func (b *box) goVersion(ctx context.Context, p program) (string, error) {
	// Asked in the module's folder: its go.mod may select another toolchain.
	return b.golang(ctx, p, "env", "GOVERSION")
}

// golang runs the go command in a program's module and returns what it
// printed, or an error that carries what it complained about.
func (b *box) golang(ctx context.Context, p program, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = b.moduleDir(p)
	cmd.Env = goEnvironment()
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = interruptGrace
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		err = fmt.Errorf("go %s (in %s): %w", args[0], p.dir, err)
		if text := complaints(stderr.String()); text != "" {
			err = fmt.Errorf("%w\n%s", err, text)
		}
		return "", err
	}
	return strings.TrimSpace(stdout.String()), nil
}

// goEnvironment is the caller's environment (proxies, toolchain and caches are
// theirs to choose) without what would change or break the build. An empty
// GOFLAGS would fall back to the one of `go env -w`, hence the explicit
// default.
func goEnvironment() []string {
	return append(os.Environ(),
		"CGO_ENABLED=0",
		"GOFLAGS=-mod=readonly",
		"GOWORK=off",
		"GO111MODULE=on",
		"GOOS="+runtime.GOOS,
		"GOARCH="+runtime.GOARCH,
	)
}

// complaints drops the go command's progress from what it wrote.
func complaints(stderr string) string {
	var kept []string
	for line := range strings.Lines(stderr) {
		if !strings.HasPrefix(line, "go: downloading ") {
			kept = append(kept, line)
		}
	}
	return strings.TrimSpace(strings.Join(kept, ""))
}
