package runner

import "github.com/captproject/capt/internal/contract"

// Keys of the outputs Secret.
const (
	// OutputsKey holds what `tofu output -json` prints, for package contract.
	OutputsKey = contract.SecretKey
	// LockFileKey holds .terraform.lock.hcl, for the next run.
	LockFileKey = "terraform.lock.hcl"
)

// OutputsName is the name of the Secret that holds the outputs of a workspace.
func OutputsName(workspace string) string { return workspace + "-outputs" }
