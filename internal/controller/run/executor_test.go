package run

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/source"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine/opentofu"
)

// fakeExecutor answers what the test says, and counts what it was asked.
type fakeExecutor struct {
	// execution is the answer to Ensure.
	execution opentofu.Execution
	// nextErr is the answer to the next question only.
	nextErr error

	// interruptErr is the answer to Interrupt.
	interruptErr error

	// started is the answer to Started.
	started bool

	ensured, interrupted, released int
	// last is the run that was last asked about.
	last *infrav1.WorkspaceRun
}

var _ opentofu.Executor = &fakeExecutor{}

func (f *fakeExecutor) Ensure(_ context.Context, run *infrav1.WorkspaceRun) (opentofu.Execution, error) {
	f.ensured++
	f.last = run
	return f.execution, f.err()
}

func (f *fakeExecutor) Started(context.Context, *infrav1.WorkspaceRun) (bool, error) {
	return f.started, f.err()
}

func (f *fakeExecutor) Interrupt(context.Context, *infrav1.WorkspaceRun) error {
	f.interrupted++
	return f.interruptErr
}

func (f *fakeExecutor) Release(context.Context, *infrav1.WorkspaceRun) error {
	f.released++
	return f.err()
}

func (f *fakeExecutor) Sources() []source.Source { return nil }

func (f *fakeExecutor) err() error {
	err := f.nextErr
	f.nextErr = nil
	return err
}
