package environment

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/captproject/capt/dev/internal/sweep"
)

// Interruptible returns a context that ends when the user wants an end: with
// ^C or a closed terminal, or when the command that was typed, `go run` or
// make, has been killed. A second ^C ends the process at once; the guard of its
// environment then cleans up.
func Interruptible() (context.Context, context.CancelFunc) {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, cancel)
	for _, launcher := range launchers(os.Getppid()) {
		go func() {
			if awaitEnd(launcher) == nil {
				cancel()
			}
		}()
	}
	return ctx, cancel
}

// launcherNames are commands that a person types and that start us. `go run`
// does not pass on a SIGTERM, and nobody passes on a SIGKILL: without looking
// at them we would go on unseen.
var launcherNames = []string{"go", "make", "gmake"}

// launchers are the process ids of the parent and its parents, as far as they
// are launchers.
func launchers(parent int) []int {
	var found []int
	for {
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", parent))
		if err != nil || !slices.Contains(launcherNames, strings.TrimSpace(string(name))) {
			return found
		}
		found = append(found, parent)
		if parent, err = sweep.Parent(parent); err != nil {
			return found
		}
	}
}

// awaitEnd returns when the process has ended. It need not be a child.
func awaitEnd(pid int) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("watch process %d: %w", pid, err)
	}
	defer func() { _ = unix.Close(fd) }()
	for {
		// Readable means ended.
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
