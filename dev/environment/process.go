package environment

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// readyInterval is how often a starting program is asked whether it is ready.
	readyInterval = 50 * time.Millisecond
	// readyBound is how long a program may take to be ready.
	readyBound = 2 * time.Minute
	// stopGrace is how long a program may take to end when asked to.
	stopGrace = 15 * time.Second
	// tailLines is how much of a log is shown when something fails.
	tailLines = 15
)

// process is a program that was started, with its output in a log file.
type process struct {
	name string
	log  string
	cmd  *exec.Cmd
	// ended is closed when the program has ended; err is valid from then on.
	ended chan struct{}
	err   error
	// stopping is set when it is told to end.
	stopping atomic.Bool
}

// startProcess starts a program. Its log goes on where an earlier one of the
// same name ended.
func startProcess(cmd *exec.Cmd, logDir, name string) (*process, error) {
	log, err := openLog(logDir, name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	cmd.Stdout, cmd.Stderr = log, log
	// Out of reach of ^C: it is ended in order, by us.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{name: name, log: log.Name(), cmd: cmd, ended: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

func openLog(dir, name string) (*os.File, error) {
	log, err := os.OpenFile(filepath.Join(dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", name, err)
	}
	return log, nil
}

// waitReady waits until check succeeds. The error says why it did not, with
// the end of the log.
func (p *process) waitReady(ctx context.Context, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, readyBound)
	defer cancel()
	tick := time.NewTicker(readyInterval)
	defer tick.Stop()
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return p.failure()
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w\n%s", p.name, err, tail(p.log))
		case <-tick.C:
		}
	}
}

// failure is the error of a program that ended by itself.
func (p *process) failure() error {
	why := "it exited"
	if p.err != nil {
		why = p.err.Error()
	}
	return fmt.Errorf("%s ended by itself: %s\n%s", p.name, why, tail(p.log))
}

// stop sends the signal and waits for the end, which is forced after stopGrace.
func (p *process) stop(signal os.Signal) error {
	p.stopping.Store(true)
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("send %s to %s: %w", signal, p.name, err)
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(stopGrace):
	}
	_ = p.cmd.Process.Kill()
	<-p.ended
	return fmt.Errorf("%s did not end within %s of %s and was killed\n%s", p.name, stopGrace, signal, tail(p.log))
}

// tail is the end of a log, with the file's name.
func tail(log string) string {
	content, err := os.ReadFile(log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	if len(lines) > tailLines {
		lines = lines[len(lines)-tailLines:]
	}
	return fmt.Sprintf("--- end of %s\n%s\n---", log, strings.Join(lines, "\n"))
}

// freePort returns a port of the loopback interface that is free now.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port, nil
}
