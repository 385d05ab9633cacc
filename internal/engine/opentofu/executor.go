package opentofu

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/source"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/runner"
)

// Executor carries out runs. What it starts outlives the manager; whatever it
// must remember of a run it can find again by the run alone.
type Executor interface {
	// Ensure starts a run unless it was started before or deleted, and tells how it
	// stands. It never waits for the run, and never starts one twice: a run
	// that was started and has left no result is Lost. The one exception is a
	// run that has left a state which is not saved, once its runner is proven
	// dead: started again, it saves it.
	Ensure(ctx context.Context, run *infrav1.WorkspaceRun) (Execution, error)

	// Started tells whether Ensure has started a run, or was about to.
	Started(ctx context.Context, run *infrav1.WorkspaceRun) (bool, error)

	// Interrupt asks the runner of a run to stop, if it has one: a plan ends at
	// once, an apply when OpenTofu can leave what it is doing. It does not wait,
	// and may be repeated.
	Interrupt(ctx context.Context, run *infrav1.WorkspaceRun) error

	// Release lets go of what is kept of a run that has ended. It is safe to
	// repeat.
	Release(ctx context.Context, run *infrav1.WorkspaceRun) error

	// Sources ask for each run that may stand otherwise than Ensure has told.
	Sources() []source.Source
}

// ProcessPlace begins the place (Execution.Where) of a run that is a process beside
// a manager. Only a manager on that machine can tell how it stands, and no other
// executor may take its word for it.
const ProcessPlace = "process "

// BegunByProcess tells whether a run was begun as a process, and BegunAsJob whether
// it was in another way: --executor may have been changed since.
func BegunByProcess(run *infrav1.WorkspaceRun) bool {
	return strings.HasPrefix(run.Status.Runner, ProcessPlace)
}

// BegunAsJob is described at BegunByProcess.
func BegunAsJob(run *infrav1.WorkspaceRun) bool {
	return run.Status.Runner != "" && !BegunByProcess(run)
}

// BegunByOther is the execution of a run that a manager with another --executor has
// begun.
func BegunByOther(run *infrav1.WorkspaceRun, executor string) Execution {
	return OutOfSight(run, fmt.Sprintf("it was begun as %s, and only a manager with --executor=%s can see its end", run.Status.Runner, executor))
}

// OutOfSight is the execution of a run that this manager cannot ask about, and why.
// Its runner may be alive, so that it counts as under way. A check is not waited
// for: it may go on, and changes nothing.
func OutOfSight(run *infrav1.WorkspaceRun, why string) Execution {
	state := ExecutionRunning
	if IsCheck(*run) {
		state = ExecutionLost
	}
	return Execution{State: state, Where: run.Status.Runner, Message: why}
}

// ExecutionState is how the execution of a run stands.
type ExecutionState string

const (
	// ExecutionPending is to have a runner, but has none yet.
	ExecutionPending ExecutionState = "Pending"
	// ExecutionRunning has a living runner.
	ExecutionRunning ExecutionState = "Running"
	// ExecutionEnded has a result.
	ExecutionEnded ExecutionState = "Ended"
	// ExecutionLost has no result, and its runner is proven dead.
	ExecutionLost ExecutionState = "Lost"
)

// Execution is how a run stands with its executor.
type Execution struct {
	State ExecutionState
	// Where it is carried out, for people. A run that has been given this counts
	// as begun.
	Where string
	// Result is set when State is ExecutionEnded.
	Result *runner.Result
	// Message is why a run was lost, what one that is pending waits for, or what
	// is to be known of one that runs.
	Message string
	// After is how long until Ensure is to be asked again, whatever happens; 0 is
	// never.
	After time.Duration
}
