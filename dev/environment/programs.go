package environment

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/captproject/capt/hack/tools/toolbox"
)

// Programs are what an environment runs.
type Programs struct {
	toolbox.Programs

	// checkout is the folder of the source code.
	checkout string
	// own is the folder of the programs built from the checkout.
	own string
}

// Checkout is the folder of the source code that the programs are of.
func (p Programs) Checkout() string { return p.checkout }

// ownPackages are built from the checkout; each program has the name of the
// last element.
var ownPackages = []string{"./cmd/manager", "./cmd/runner", "./dev/guard"}

// Build makes sure that all programs are there and built from the present
// source, and tells out (typically os.Stderr) when something takes long. It
// must be called within a checkout. The first time ever takes many minutes.
func Build(ctx context.Context, out io.Writer) (Programs, error) {
	tools, err := toolbox.Ensure(ctx, out,
		toolbox.Etcd, toolbox.KubeAPIServer, toolbox.Kubectl,
		toolbox.ClusterAPICore, toolbox.Clusterctl,
		toolbox.Tofu, toolbox.LocalkubeProvider)
	if err != nil {
		return Programs{}, err
	}
	checkout, err := findCheckout(ctx)
	if err != nil {
		return Programs{}, err
	}
	p := Programs{Programs: tools, checkout: checkout, own: filepath.Join(checkout, "bin", "environment")}
	if err := p.buildOwn(ctx, out); err != nil {
		return Programs{}, err
	}
	return p, nil
}

func findCheckout(ctx context.Context) (string, error) {
	mod, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the checkout: go env GOMOD: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(mod))), nil
}

// buildOwn leaves it to the go command what is up to date.
func (p Programs) buildOwn(ctx context.Context, out io.Writer) error {
	unlock, err := p.lock()
	if err != nil {
		return err
	}
	defer unlock()
	patience := time.AfterFunc(2*time.Second, func() {
		_, _ = fmt.Fprintln(out, "Building capt-manager and capt-runner …")
	})
	defer patience.Stop()

	args := append([]string{"build", "-o", p.own + string(filepath.Separator)}, ownPackages...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = p.checkout
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", strings.Join(ownPackages, ", "), err, output)
	}
	return nil
}

// lock keeps two processes from building into the same folder at once, and
// from copying what is just being written.
func (p Programs) lock() (unlock func(), err error) {
	if err := os.MkdirAll(p.own, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder of built programs: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(p.own, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the build lock: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("take the build lock %s: %w", file.Name(), err)
	}
	return func() { _ = file.Close() }, nil
}

// installOwn copies the programs that CAPT consists of to dir, so that a build
// for somebody else does not change them while the environment runs.
func (p Programs) installOwn(dir string) error {
	unlock, err := p.lock()
	if err != nil {
		return err
	}
	defer unlock()
	for name, as := range map[string]string{"manager": managerName, "runner": runnerName} {
		if err := copyProgram(filepath.Join(p.own, name), filepath.Join(dir, as)); err != nil {
			return fmt.Errorf("install %s: %w", as, err)
		}
	}
	return nil
}

// copyProgram copies an executable. No other goroutine may fork meanwhile: its
// child would hold the copy open for writing until it execs, and a file that
// is open for writing cannot be executed (ETXTBSY).
func copyProgram(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(to, content, 0o755)
}
