package process

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// Interrupt is described by opentofu.Executor. A runner on another machine is left
// to the manager there.
func (e *Executor) Interrupt(_ context.Context, run *infrav1.WorkspaceRun) error {
	dir := e.dir(run)
	var pid int
	var host string
	if n, err := fmt.Sscanf(e.where(dir), whereFormat, &pid, &host); err != nil || n != 2 || host != e.host {
		return nil
	}
	process, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return ignoringDeath(err)
	}
	defer unix.Close(process)
	// What we look at now is the process that we hold: if it is another one of the
	// same id, it has another command line.
	if !slices.Contains(commandLine(strconv.Itoa(pid)), dirArgument(dir)) {
		return nil
	}
	return ignoringDeath(unix.PidfdSendSignal(process, unix.SIGTERM, nil, 0))
}

// ignoringDeath drops the error that says that a process has ended.
func ignoringDeath(err error) error {
	if err == nil || errors.Is(err, unix.ESRCH) {
		return nil
	}
	return fmt.Errorf("interrupting the runner: %w", err)
}
