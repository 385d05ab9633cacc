package opentofu

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/event"

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

	// Interrupt asks the runner of a run to stop, if it has one: a plan ends at
	// once, an apply when OpenTofu can leave what it is doing. It does not wait,
	// and may be repeated.
	Interrupt(ctx context.Context, run *infrav1.WorkspaceRun) error

	// Release removes what is kept of a run that has ended.
	Release(ctx context.Context, run *infrav1.WorkspaceRun) error

	// Ended receives each run whose runner has ended since Ensure was called.
	Ended() <-chan event.TypedGenericEvent[*infrav1.WorkspaceRun]
}

// ExecutionState is how the execution of a run stands.
type ExecutionState string

const (
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
	// Where it is carried out, for people.
	Where string
	// Result is set when State is ExecutionEnded.
	Result *runner.Result
	// Message is why a run was lost, or what is to be known of one that runs.
	Message string
}
