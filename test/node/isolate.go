package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"github.com/captproject/capt/dev/environment"
	"github.com/captproject/capt/hack/tools/toolbox"
)

// isolatedVariable is set for a process that runs in namespaces of its own.
const isolatedVariable = "CAPT_NODE_ISOLATED"

// Isolated runs the function, typically all tests of a package, in a network and
// a mount namespace made for it, and returns its exit code; Start works only
// there. To get there the program starts itself again with the same arguments,
// after it has built what a node takes: there is no network inside. It reports
// on os.Stderr, in one line, what the machine lacks, and returns 1 then.
func Isolated(run func() int) int {
	// The end of the thread that started a process counts as ours; see
	// Pdeathsig.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if os.Getenv(isolatedVariable) != "" {
		if err := prepareMachine(); err != nil {
			return failure(err)
		}
		return run()
	}
	if err := checkMachine(); err != nil {
		return failure(err)
	}
	if err := build(context.Background(), os.Stderr); err != nil {
		return failure(err)
	}
	return again()
}

func failure(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// again runs this program inside and returns its exit code.
func again() int {
	self, err := os.Executable()
	if err != nil {
		return failure(err)
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Env = append(os.Environ(), isolatedVariable+"=yes")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	// Unshare rather than clone: it makes all mounts private as well.
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Unshareflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS,
		Pdeathsig:    syscall.SIGKILL,
	}
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return failure(fmt.Errorf("start again in namespaces of our own: %w", err))
	}
	// -1 if it was killed by a signal, which is a failure as well.
	return cmd.ProcessState.ExitCode()
}

// programs are those that a node adds to an environment.
var programs = []string{
	toolbox.KubeControllerManager, toolbox.KubeScheduler, toolbox.Kubelet,
	toolbox.Containerd, toolbox.ContainerdShim, toolbox.Ctr,
}

func build(ctx context.Context, out io.Writer) error {
	if _, err := environment.Build(ctx, out); err != nil {
		return err
	}
	_, err := toolbox.Ensure(ctx, out, programs...)
	return err
}
