package tofu

import (
	"context"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pollInterval is how often a running command's stream is looked at.
const pollInterval = 100 * time.Millisecond

// process is a started child.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// start starts a command in a session of its own.
//
// It is not told when we die (PR_SET_PDEATHSIG): the kernel sends that signal
// once for each of our threads that the child is handed on to while we are being
// killed, and the second interrupt makes OpenTofu drop the state.
func start(cmd *exec.Cmd, maxMemory uint64) (*process, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if maxMemory > 0 {
		// It has only just begun. That it has ended already is told by Wait.
		limit := unix.Rlimit{Cur: maxMemory, Max: maxMemory}
		_ = unix.Prlimit(cmd.Process.Pid, unix.RLIMIT_DATA, &limit, nil)
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		// How it ended is read from its ProcessState.
		_ = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// wait returns when the process has ended, calling poll now and then. When ctx
// is done it interrupts the process once, and only when that has not ended it
// within the grace does it kill it.
func (p *process) wait(ctx context.Context, grace time.Duration, poll func()) (interrupted, killed bool) {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	stop := ctx.Done()
	var expired <-chan time.Time
	for {
		select {
		case <-p.done:
			return interrupted, killed
		case <-ticker.C:
			poll()
		case <-stop:
			stop, interrupted = nil, true
			_ = p.cmd.Process.Signal(syscall.SIGINT)
			timer := time.NewTimer(grace)
			defer timer.Stop()
			expired = timer.C
		case <-expired:
			killed = true
			p.kill()
		}
	}
}

// kill ends the process and what it started. A provider left alone would go on
// creating things that nobody records.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
}
