package tofu

import (
	"context"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// pollInterval is how often a running command's stream is looked at.
const pollInterval = 100 * time.Millisecond

// process is a started child.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// start starts a command in a session of its own. The kernel interrupts it when
// the thread that started it ends, hence a thread that lives until it does.
func start(cmd *exec.Cmd) (*process, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGINT}
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
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
