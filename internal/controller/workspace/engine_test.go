package workspace

import (
	"context"
	"slices"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine"
)

// fakeEngine answers what the test says, and remembers what it was asked.
type fakeEngine struct {
	// observation is the answer to all but a check.
	observation engine.Observation
	// mode is what Apply was last to do about drift.
	mode infrav1.DriftMode
	// marked is how often it was asked to mark for a move.
	marked int
	// movable is what PrepareMove answers.
	movable bool
	// drift is the answer to a check.
	drift engine.Drift
	// checkErr is the error of one.
	checkErr error
	// nextErr is the answer to the next question only.
	nextErr error
	// asked are the questions: apply, check, destroy, release.
	asked []string
	// inputs are those of the last question; nil if it had none.
	inputs *engine.Inputs
}

var _ engine.Engine = &fakeEngine{}

func (f *fakeEngine) Apply(_ context.Context, workspace *infrav1.WorkspaceTemplateApply, in *engine.Inputs) (engine.Observation, error) {
	f.mode = workspace.Spec.Drift.Mode
	if in == nil {
		return f.observation, nil // only a look: nothing was asked for
	}
	return f.answer("apply", in)
}

func (f *fakeEngine) Check(_ context.Context, _ *infrav1.WorkspaceTemplateApply, in *engine.Inputs) (engine.Drift, error) {
	f.asked = append(f.asked, "check")
	f.inputs = in
	return f.drift, f.checkErr
}

func (f *fakeEngine) Destroy(_ context.Context, _ *infrav1.WorkspaceTemplateApply, in *engine.Inputs) (engine.Observation, error) {
	return f.answer("destroy", in)
}

func (f *fakeEngine) Release(context.Context, *infrav1.WorkspaceTemplateApply) (engine.Observation, error) {
	return f.answer("release", nil)
}

func (f *fakeEngine) SecretNames(workspace *infrav1.WorkspaceTemplateApply) []string {
	return []string{workspace.Name + "-outputs", workspace.Name + "-reports"}
}

func (f *fakeEngine) PrepareMove(context.Context, *infrav1.WorkspaceTemplateApply) (bool, error) {
	return f.movable, nil
}

func (f *fakeEngine) MarkForMove(context.Context, *infrav1.WorkspaceTemplateApply) error {
	f.marked++
	return nil
}

func (f *fakeEngine) answer(question string, in *engine.Inputs) (engine.Observation, error) {
	f.asked = append(f.asked, question)
	f.inputs = in
	if err := f.nextErr; err != nil {
		f.nextErr = nil
		return engine.Observation{}, err
	}
	return f.observation, nil
}

// questions are those that were asked since the last time.
func (f *fakeEngine) questions() []string {
	asked := slices.Clone(f.asked)
	f.asked = nil
	return asked
}
