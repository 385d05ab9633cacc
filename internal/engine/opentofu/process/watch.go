package process

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/event"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/tofu"
)

// watch reports the run as ended when its lock is free. A thread of this
// process sleeps in the kernel for each run that is active.
func (e *Executor) watch(ctx context.Context, run *infrav1.WorkspaceRun) {
	path := filepath.Join(e.dir(run), lockFile)
	e.await(ctx, run, func() error {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		return ignoringInterrupts(func() error { return unix.Flock(int(file.Fd()), unix.LOCK_EX) })
	})
}

// watchProcess reports the run as ended when the process has.
func (e *Executor) watchProcess(ctx context.Context, run *infrav1.WorkspaceRun, pid int) {
	e.await(ctx, run, func() error {
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			return nil // it has ended already
		}
		defer unix.Close(fd)
		return ignoringInterrupts(func() error {
			_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
			return err
		})
	})
}

// await reports the run as ended when wait returns. There is one wait at a time
// for each run.
func (e *Executor) await(ctx context.Context, run *infrav1.WorkspaceRun, wait func() error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.watched[run.UID] {
		return
	}
	e.watched[run.UID] = true
	log := ctrl.LoggerFrom(ctx)
	go func() {
		if err := wait(); err != nil {
			log.Error(err, "Waiting for a runner to end failed; looking at it now")
		}
		e.mu.Lock()
		delete(e.watched, run.UID)
		e.mu.Unlock()
		e.ended <- event.TypedGenericEvent[*infrav1.WorkspaceRun]{Object: run}
	}()
}

func ignoringInterrupts(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// survivor returns the id of an OpenTofu process of the run in dir that has
// outlived its runner, 0 if there is none. It finishes what it has begun and
// leaves the state on disk (see package tofu); until it has, the run is not over.
func survivor(dir string) int {
	processes, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	for _, process := range processes {
		pid, err := strconv.Atoi(process.Name())
		if err != nil {
			continue
		}
		cwd, err := os.Readlink(filepath.Join("/proc", process.Name(), "cwd"))
		if err != nil || !strings.HasPrefix(cwd, dir+string(filepath.Separator)) {
			continue
		}
		if tofu.Started(commandLine(process.Name())) {
			return pid
		}
	}
	return 0
}

func commandLine(pid string) []string {
	text, err := os.ReadFile(filepath.Join("/proc", pid, "cmdline"))
	if err != nil {
		return nil
	}
	return strings.Split(string(text), "\x00")
}
