package opentofu

import (
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/runner"
)

// RunnerArguments are the arguments of capt-runner that say what a run is. An
// executor adds where and how it is carried out.
func RunnerArguments(run *infrav1.WorkspaceRun) ([]string, error) {
	terms, err := runner.EncodeTerms(run.Spec.RunTerms)
	if err != nil {
		return nil, err
	}
	return []string{
		"--namespace=" + run.Namespace,
		"--workspace=" + run.Spec.ApplyName,
		"--run=" + run.Name,
		"--operation=" + string(run.Spec.Operation),
		"--inputs-secret=" + run.Spec.InputsRef.Name,
		"--apply-request=" + run.Spec.ApplyRequest,
		"--terms=" + terms,
	}, nil
}
