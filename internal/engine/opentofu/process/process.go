package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/source"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine/opentofu"
	"github.com/captproject/capt/internal/runner"
)

// Options say how runners are started.
type Options struct {
	// Dir is the directory that holds a directory for each run, named by the
	// run's UID. It must outlive the manager.
	Dir string
	// Runner is the path of capt-runner.
	Runner string
	// Args are arguments that every runner gets.
	Args []string
}

// Executor is the opentofu.Executor of this package.
type Executor struct {
	options Options
	host    string
	ended   chan event.TypedGenericEvent[*infrav1.WorkspaceRun]

	mu      sync.Mutex
	watched map[types.UID]bool
}

var _ opentofu.Executor = &Executor{}

// inheritedLock is the number that the first of a command's ExtraFiles has.
const inheritedLock = 3

// maxRestarts is how often a runner is started again to save its state. Each time
// it tries for as long as its grace.
const maxRestarts = 3

// Names of files in a run's directory.
const (
	// lockFile is locked while the runner lives.
	lockFile = "runner.lock"
	// startedFile exists from just before the runner is started.
	startedFile = "started"
	// restartsFile has a byte for each time the runner was started again.
	restartsFile = "restarts"
	// logFile takes what the runner itself prints.
	logFile = "runner.out"
)

// whereFormat is what startedFile holds.
const whereFormat = opentofu.ProcessPlace + "%d on %s"

// New returns an Executor; it makes the directory for runs if there is none.
func New(options Options) (*Executor, error) {
	if err := os.MkdirAll(options.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory for runs: %w", err)
	}
	// Without links: it is compared with what the kernel says of processes.
	var err error
	if options.Dir, err = filepath.EvalSymlinks(options.Dir); err != nil {
		return nil, fmt.Errorf("looking for the directory for runs: %w", err)
	}
	if _, err := exec.LookPath(options.Runner); err != nil {
		return nil, fmt.Errorf("looking for the runner: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("asking for the name of this machine: %w", err)
	}
	return &Executor{
		options: options,
		host:    host,
		ended:   make(chan event.TypedGenericEvent[*infrav1.WorkspaceRun]),
		watched: map[types.UID]bool{},
	}, nil
}

// Ended receives each run whose runner has ended since Ensure was called.
func (e *Executor) Ended() <-chan event.TypedGenericEvent[*infrav1.WorkspaceRun] { return e.ended }

// Sources is described by opentofu.Executor.
func (e *Executor) Sources() []source.Source {
	return []source.Source{source.TypedChannel(e.Ended(), &handler.TypedEnqueueRequestForObject[*infrav1.WorkspaceRun]{})}
}

// Ensure is described by opentofu.Executor.
func (e *Executor) Ensure(ctx context.Context, run *infrav1.WorkspaceRun) (opentofu.Execution, error) {
	if opentofu.BegunAsJob(run) {
		return opentofu.BegunByOther(run, "Job"), nil
	}
	if elsewhere, execution := e.elsewhere(run); elsewhere {
		return execution, nil
	}
	dir := e.dir(run)
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) && run.Status.Phase == infrav1.RunRunning {
		return opentofu.Execution{State: opentofu.ExecutionLost, Message: "the directory of the run is gone, and its runner with it"}, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return opentofu.Execution{}, fmt.Errorf("making the directory of the run: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return opentofu.Execution{}, fmt.Errorf("opening the lock of the run: %w", err)
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return opentofu.Execution{}, fmt.Errorf("locking the run: %w", err)
		}
		e.watch(ctx, run)
		return opentofu.Execution{State: opentofu.ExecutionRunning, Where: e.where(dir)}, nil
	}
	return e.withLock(ctx, run, dir, lock)
}

// Started is described by opentofu.Executor.
func (e *Executor) Started(_ context.Context, run *infrav1.WorkspaceRun) (bool, error) {
	_, err := os.Stat(filepath.Join(e.dir(run), startedFile))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// withLock goes on where no runner of the run is alive.
func (e *Executor) withLock(ctx context.Context, run *infrav1.WorkspaceRun, dir string, lock *os.File) (opentofu.Execution, error) {
	where := e.where(dir)
	result, err := runner.ReadResult(dir)
	switch {
	case err == nil && result.Reason == runner.ReasonStateNotSaved && e.mayRestart(dir):
		return e.restart(ctx, run, dir, lock)
	case err == nil:
		return opentofu.Execution{State: opentofu.ExecutionEnded, Where: where, Result: result}, nil
	case !errors.Is(err, os.ErrNotExist):
		return opentofu.Execution{}, err
	}
	if _, err := os.Stat(filepath.Join(dir, startedFile)); errors.Is(err, os.ErrNotExist) && !run.DeletionTimestamp.IsZero() {
		return opentofu.Execution{State: opentofu.ExecutionLost, Message: "it was deleted before it was started"}, nil
	}
	started, err := os.OpenFile(filepath.Join(dir, startedFile), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		if pid := survivor(dir); pid != 0 {
			e.watchProcess(ctx, run, pid)
			return opentofu.Execution{State: opentofu.ExecutionRunning, Where: where}, nil
		}
		return e.lost(ctx, run, dir, lock)
	}
	if err != nil {
		return opentofu.Execution{}, fmt.Errorf("marking the run as started: %w", err)
	}
	defer started.Close()
	return e.startNoted(ctx, run, dir, lock, started)
}

// startNoted starts the runner and notes its process in the file started, which
// is removed if nothing runs, so that the next call may try again.
func (e *Executor) startNoted(ctx context.Context, run *infrav1.WorkspaceRun, dir string, lock, started *os.File) (opentofu.Execution, error) {
	pid, err := e.start(run, dir, lock)
	if err != nil {
		return opentofu.Execution{}, errors.Join(err, os.Remove(started.Name()))
	}
	if _, err := fmt.Fprintf(started, whereFormat, pid, e.host); err != nil {
		return opentofu.Execution{}, fmt.Errorf("noting the process of the run: %w", err)
	}
	ctrl.LoggerFrom(ctx).Info("Runner started", "pid", pid)
	e.watch(ctx, run)
	return opentofu.Execution{State: opentofu.ExecutionRunning, Where: e.where(dir)}, nil
}

// mayRestart tells whether a runner that is dead, and left a state that is nowhere
// else, may be started again.
func (e *Executor) mayRestart(dir string) bool {
	restarts, err := os.Stat(filepath.Join(dir, restartsFile))
	return errors.Is(err, os.ErrNotExist) || err == nil && restarts.Size() < maxRestarts
}

// restart starts the runner of a run again, in the same directory. It finds its
// lock and what it left, saves that if it is proven to be right, and goes on (see
// package runner).
func (e *Executor) restart(ctx context.Context, run *infrav1.WorkspaceRun, dir string, lock *os.File) (opentofu.Execution, error) {
	restarts, err := os.OpenFile(filepath.Join(dir, restartsFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return opentofu.Execution{}, fmt.Errorf("counting the restarts of the run: %w", err)
	}
	_, err = restarts.WriteString(".")
	if err = errors.Join(err, restarts.Close()); err != nil {
		return opentofu.Execution{}, fmt.Errorf("counting the restarts of the run: %w", err)
	}
	started, err := os.OpenFile(filepath.Join(dir, startedFile), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return opentofu.Execution{}, fmt.Errorf("marking the run as started: %w", err)
	}
	defer started.Close()
	ctrl.LoggerFrom(ctx).Info("Starting the runner again, because it has left a state that is not saved")
	return e.startNoted(ctx, run, dir, lock, started)
}

// lost is the execution of a run whose runner was killed. If it left a state
// that is nowhere else, the runner is started again; when that does not help, it
// is a result of its own: nothing may go on before a person has seen to it.
func (e *Executor) lost(ctx context.Context, run *infrav1.WorkspaceRun, dir string, lock *os.File) (opentofu.Execution, error) {
	where := e.where(dir)
	unsaved, err := runner.StateOnDisk(dir)
	if err != nil {
		return opentofu.Execution{}, fmt.Errorf("looking for an unsaved state of the run: %w", err)
	}
	if len(unsaved) == 0 {
		return opentofu.Execution{State: opentofu.ExecutionLost, Where: where, Message: "its runner ended without a result: it was killed"}, nil
	}
	if e.mayRestart(dir) {
		return e.restart(ctx, run, dir, lock)
	}
	return opentofu.Execution{State: opentofu.ExecutionEnded, Where: where, Result: &runner.Result{
		Phase:         infrav1.RunFailed,
		Reason:        runner.ReasonStateNotSaved,
		Kind:          runner.KindOf(runner.ReasonStateNotSaved),
		Message:       fmt.Sprintf("the runner was killed before it could save the state, which is in %s", strings.Join(unsaved, " and ")),
		KeepDirectory: true,
	}}, nil
}

// start starts the runner in a session of its own. The lock is handed to it
// together with our lock on it: there is no moment at which nobody holds it.
func (e *Executor) start(run *infrav1.WorkspaceRun, dir string, lock *os.File) (int, error) {
	out, err := os.OpenFile(filepath.Join(dir, logFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, fmt.Errorf("opening the log of the runner: %w", err)
	}
	defer out.Close()
	arguments, err := e.arguments(run, dir)
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(e.options.Runner, arguments...)
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = out, out
	cmd.ExtraFiles = []*os.File{lock}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("starting the runner: %w", err)
	}
	// Its end is seen by the lock; this only lets the kernel forget the process.
	go func() { _ = cmd.Wait() }()
	return cmd.Process.Pid, nil
}

func (e *Executor) arguments(run *infrav1.WorkspaceRun, dir string) ([]string, error) {
	arguments, err := opentofu.RunnerArguments(run)
	if err != nil {
		return nil, err
	}
	arguments = append(arguments, dirArgument(dir), fmt.Sprintf("--lock-fd=%d", inheritedLock))
	return append(arguments, e.options.Args...), nil
}

// dirArgument is the argument by which a runner is known.
func dirArgument(dir string) string { return "--dir=" + dir }

// Release is described by opentofu.Executor. The directory of a run whose state
// could not be saved is kept: it holds the only copy.
func (e *Executor) Release(_ context.Context, run *infrav1.WorkspaceRun) error {
	unsaved, err := runner.StateOnDisk(e.dir(run))
	if err != nil {
		return fmt.Errorf("looking for an unsaved state of run %s: %w", run.Name, err)
	}
	if len(unsaved) > 0 {
		return nil
	}
	if err := os.RemoveAll(e.dir(run)); err != nil {
		return fmt.Errorf("removing the directory of run %s: %w", run.Name, err)
	}
	return nil
}

func (e *Executor) dir(run *infrav1.WorkspaceRun) string {
	return filepath.Join(e.options.Dir, string(run.UID))
}

// where returns what startedFile says: "process 123 on host".
func (e *Executor) where(dir string) string {
	text, err := os.ReadFile(filepath.Join(dir, startedFile))
	if err != nil {
		return ""
	}
	return string(text)
}

// elsewhere tells whether the run was started on another machine, which only a
// manager there can ask about.
func (e *Executor) elsewhere(run *infrav1.WorkspaceRun) (bool, opentofu.Execution) {
	_, host, known := strings.Cut(run.Status.Runner, " on ")
	if !known || host == e.host {
		return false, opentofu.Execution{}
	}
	return true, opentofu.OutOfSight(run, "it was started on "+host+", and only a manager there can see its end")
}
