package runner

// Keys of the outputs Secret.
const (
	// OutputsKey holds what `tofu output -json` prints: an object of the
	// outputs by name, each with sensitive, type and value.
	OutputsKey = "outputs.json"
	// LockFileKey holds .terraform.lock.hcl, for the next run.
	LockFileKey = "terraform.lock.hcl"
)

// OutputsName is the name of the Secret that holds the outputs of a workspace.
func OutputsName(workspace string) string { return workspace + "-outputs" }
