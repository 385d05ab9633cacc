package environment

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/captproject/capt/dev/internal/sweep"
)

// lastWords is how long a runner may take to write where it was.
const lastWords = time.Second

// KeepLogs leaves Options.LogDir in place when the environment ends, with the
// logs of the runs that are not over in its directory `runs`. Their runners are
// ended, and tell there what they were doing.
func (e *Environment) KeepLogs() error {
	return errors.Join(e.guard.order("keep", e.LogDir), e.quitRunners(), e.keepRuns())
}

// quitRunners has each runner print its goroutines to its log.
func (e *Environment) quitRunners() error {
	processes, err := sweep.Find(e.Root)
	if err != nil {
		return err
	}
	for _, p := range processes {
		if p.Name() == runnerName {
			quit(p.PID)
		}
	}
	return nil
}

// quit lets a process of a Go program end with its goroutines as its last words. It
// may have ended already.
func quit(pid int) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	if unix.PidfdSendSignal(fd, unix.SIGQUIT, nil, 0) == nil {
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(lastWords.Milliseconds()))
	}
}

// keepRuns copies the logs out of the directories of the runs. A run may end
// meanwhile, and its directory with it.
func (e *Environment) keepRuns() error {
	runs := os.DirFS(e.path("runs"))
	for _, name := range []string{"run.log", "runner.out"} {
		logs, err := fs.Glob(runs, "*/"+name)
		if err != nil {
			return fmt.Errorf("keep the logs of the runs: %w", err)
		}
		for _, log := range logs {
			text, err := fs.ReadFile(runs, log)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			kept := filepath.Join(e.LogDir, "runs", filepath.FromSlash(log))
			err = errors.Join(err, os.MkdirAll(filepath.Dir(kept), 0o700), os.WriteFile(kept, text, 0o600))
			if err != nil {
				return fmt.Errorf("keep the logs of the runs: %w", err)
			}
		}
	}
	return nil
}
