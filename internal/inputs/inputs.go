package inputs

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// SecretKey is the key of the inputs Secret that holds the encoded Inputs.
const SecretKey = "inputs.json"

// Inputs is everything a run needs to know about a module and how to feed it.
// Equal inputs have equal digests; nothing that neither changes what OpenTofu
// would do nor where and by which image it is done may be added.
type Inputs struct {
	// Module is what to run.
	Module Module `json:"module"`
	// Variables are the module's input variables, sorted by name, one each.
	Variables []Variable `json:"variables,omitempty"`
	// VarFiles are further variable files, in order; later ones win over
	// earlier ones, Variables win over all of them.
	VarFiles []VarFile `json:"varFiles,omitempty"`
	// Env is the environment of OpenTofu and its providers, sorted by name.
	Env []EnvVar `json:"env,omitempty"`
	// Files are written into the working directory, sorted by path.
	Files []File `json:"files,omitempty"`
	// Args are extra arguments of OpenTofu's commands.
	Args Args `json:"args,omitzero"`
	// Runner says what the run's pod looks like; nil is the manager's choice. It
	// is among the inputs so that a destroy finds it without the template.
	Runner *infrav1.RunnerSpec `json:"runner,omitempty"`
	// Secrets are the values that must never be shown: what came from Secrets
	// and from sensitive outputs, its lines, and the values within it; texts of
	// less than 6 bytes are left out. Sorted, without duplicates. They do not
	// add to what a run does, but they are derived from the rest, so that they
	// do not disturb the digest.
	Secrets []string `json:"secrets,omitempty"`
}

// Module is the code of a run.
type Module struct {
	// Source is "Inline" (Content is the module's text) or "Remote" (Content
	// is a module address as `tofu init -from-module` takes it).
	Source string `json:"source"`
	// Content is the text or the address.
	Content string `json:"content"`
	// Format of inline text: "HCL" or "JSON".
	Format string `json:"format,omitempty"`
	// Entrypoint is the sub-folder of a remote module to run in; "" is its root.
	Entrypoint string `json:"entrypoint,omitempty"`
	// Configuration is HCL written beside the module: provider blocks.
	Configuration string `json:"configuration,omitempty"`
	// Backend is HCL of a backend block; "" keeps the state in Secrets.
	Backend string `json:"backend,omitempty"`
	// LockFile is the content of .terraform.lock.hcl; "" lets OpenTofu choose.
	LockFile string `json:"lockFile,omitempty"`
}

// Variable is the value of one input variable. Exactly one of Text and Value
// is set.
type Variable struct {
	Name string `json:"name"`
	// Text is read as OpenTofu reads `-var name=text`: literally when the
	// module declares a primitive type, else as an HCL expression.
	Text *string `json:"text,omitempty"`
	// Value is typed JSON.
	Value json.RawMessage `json:"value,omitempty"`
	// Optional variables are passed only to modules that declare them.
	Optional bool `json:"optional,omitempty"`
}

// VarFile is a file of variables.
type VarFile struct {
	// Format is "HCL" (.tfvars) or "JSON" (.tfvars.json).
	Format string `json:"format"`
	// Content is the file's text.
	Content string `json:"content"`
}

// EnvVar is one environment variable.
type EnvVar struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// File is a file in the working directory.
type File struct {
	// Path is relative, clean and stays inside the working directory.
	Path    string `json:"path"`
	Content []byte `json:"content"`
}

// Args are extra arguments of OpenTofu's commands, found harmless and each in
// the one form `-name=value` or `-name`. Every list holds only what its command
// takes.
type Args struct {
	// Init is for `tofu init`.
	Init []string `json:"init,omitempty"`
	// Plan is for `tofu plan`.
	Plan []string `json:"plan,omitempty"`
	// Apply is for `tofu apply` of such a plan.
	Apply []string `json:"apply,omitempty"`
	// Destroy is for `tofu plan -destroy`.
	Destroy []string `json:"destroy,omitempty"`
	// DestroyApply is for `tofu apply` of such a plan.
	DestroyApply []string `json:"destroyApply,omitempty"`
}

// Encode returns the JSON form of the inputs, the same bytes for equal inputs.
func (in *Inputs) Encode() ([]byte, error) {
	data, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("encoding the inputs of a run: %w", err)
	}
	return data, nil
}

// Decode reads what Encode wrote.
func Decode(data []byte) (*Inputs, error) {
	in := &Inputs{}
	if err := json.Unmarshal(data, in); err != nil {
		// The parser's error may quote what it read, which is secret.
		return nil, fmt.Errorf("the inputs of a run are not valid JSON (%d bytes)", len(data))
	}
	return in, nil
}

// Digest names the inputs: the SHA-256 of their encoded form, in hexadecimal.
func Digest(encoded []byte) string {
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:])
}
