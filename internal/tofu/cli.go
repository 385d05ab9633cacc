package tofu

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"time"
)

// CLI is one OpenTofu program in one working directory. Its methods run one
// command each and return when it has ended. When ctx is done before the
// command is started, it is not; when it is done later, the command is
// interrupted once and waited for. A command that fails returns an *Error.
type CLI struct {
	// Path is the program.
	Path string
	// Dir is the working directory: the root module.
	Dir string
	// Env is the whole environment. Nothing is added to it.
	Env []string
	// Grace is how long an interrupted command may take to end before it is
	// killed, which may lose what it did.
	Grace time.Duration
	// MaxMemory is how much memory of its own, in bytes, the command may have,
	// and so may each process that it starts: data and heap (RLIMIT_DATA). 0 is
	// no limit.
	MaxMemory uint64
	// Follow is called with the messages of a running command, if set, from
	// the goroutine that called the method.
	Follow func(Message)
}

// Plan is what a plan came to.
type Plan struct {
	// Changed is false when applying it would change nothing, outputs
	// included.
	Changed bool
	// Summary counts the changes.
	Summary ChangeSummary
	// Changes are the changes one by one.
	Changes []ResourceChange
}

// Validation is the result of Validate.
type Validation struct {
	Valid       bool         `json:"valid"`
	Diagnostics []Diagnostic `json:"diagnostics"`
}

// FromModule copies the module of an address into Dir, which must be empty. It
// installs nothing yet, so that the configuration can be added to before.
//
// OpenTofu has no command that does only that: its init goes on to install
// providers, from which the CLI's configuration should keep it. Whether the
// copy was made is therefore told by Dir: when there is configuration in it,
// an error may be ignored.
func (c CLI) FromModule(ctx context.Context, source string) error {
	_, err := c.stream(ctx, fromModuleArgs(source))
	return err
}

// Init prepares Dir: modules, providers, backend.
func (c CLI) Init(ctx context.Context, o InitOptions) error {
	_, err := c.stream(ctx, initArgs(o))
	return err
}

// Plan makes a plan and writes it to a file. One that is not known in full is an
// error: nobody could judge it.
func (c CLI) Plan(ctx context.Context, o PlanOptions) (Plan, error) {
	r, err := c.stream(ctx, planArgs(o), 2)
	if err != nil {
		return Plan{}, err
	}
	plan, whole := Plan{Changed: r.exitCode == 2}, false
	for _, m := range r.messages {
		if m.Changes != nil {
			plan.Summary, whole = *m.Changes, true
		}
		if m.Type == TypePlannedChange && m.Change != nil {
			plan.Changes = append(plan.Changes, m.Change.named())
		}
	}
	if plan.Changed && !whole {
		return Plan{}, r.end // a Go program that crashes has the same exit code
	}
	counted := summarize(plan.Changes)
	if counted.Operation = plan.Summary.Operation; counted != plan.Summary {
		// A line that is too long, or is no JSON, was passed over.
		r.end.Status += ", but it told of other changes than it has counted: see that it is OpenTofu 1.12"
		return Plan{}, r.end
	}
	return plan, nil
}

// Apply carries out a plan file.
func (c CLI) Apply(ctx context.Context, o ApplyOptions) error {
	_, err := c.stream(ctx, applyArgs(o))
	return err
}

// Validate checks the configuration in Dir, which must have been initialized.
func (c CLI) Validate(ctx context.Context) (Validation, error) {
	data, err := c.document(ctx, validateArgs(), 1)
	if err != nil {
		return Validation{}, err
	}
	var v Validation
	if err := json.Unmarshal(data, &v); err != nil {
		return Validation{}, fmt.Errorf("reading the result of tofu validate (%d bytes): not the JSON expected", len(data))
	}
	return v, nil
}

// Show returns a plan file as OpenTofu shows it to people. What is marked as
// sensitive is hidden in it; whatever else is secret is not.
func (c CLI) Show(ctx context.Context, plan string) ([]byte, error) {
	return c.document(ctx, showArgs(plan))
}

// Output returns what `tofu output -json` prints: an object of the outputs by
// name, each with sensitive, type and value. Sensitive values are included.
func (c CLI) Output(ctx context.Context) ([]byte, error) {
	return c.document(ctx, outputArgs())
}

// StatePull returns the state, nothing if there is none. Secrets are included.
func (c CLI) StatePull(ctx context.Context) ([]byte, error) {
	return c.document(ctx, statePullArgs())
}

// report is what a command left behind.
type report struct {
	exitCode int
	// end is how it ended, for the case that it has failed.
	end      *Error
	messages []Message
	document []byte
}

// stream runs a command that prints messages. Exit codes beside 0 that are no
// failure are given.
func (c CLI) stream(ctx context.Context, args []string, fine ...int) (*report, error) {
	r := &report{}
	var diagnostics []Diagnostic
	each := func(line []byte) {
		m, ok := parseMessage(line)
		if !ok {
			return
		}
		switch m.Type {
		case TypeDiagnostic:
			if m.Diagnostic != nil {
				diagnostics = append(diagnostics, *m.Diagnostic)
			}
		case TypePlannedChange, TypeChangeSummary:
			r.messages = append(r.messages, m)
		}
		if c.Follow != nil {
			c.Follow(m)
		}
	}
	err := c.run(ctx, args, fine, r, each)
	if r.end != nil {
		r.end.Diagnostics = diagnostics
	}
	return r, err
}

// document runs a command that prints one JSON document.
func (c CLI) document(ctx context.Context, args []string, fine ...int) ([]byte, error) {
	r := &report{}
	err := c.run(ctx, args, fine, r, nil)
	return r.document, err
}

// run runs one command. Its standard output is read as lines while it runs
// when there is somebody for them, otherwise as a whole afterwards.
func (c CLI) run(ctx context.Context, args []string, fine []int, r *report, each func([]byte)) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("tofu %s was not started: %w", args[0], err)
	}
	stdout, err := newCapture("tofu-stdout")
	if err != nil {
		return err
	}
	defer stdout.close()
	stderr, err := newCapture("tofu-stderr")
	if err != nil {
		return err
	}
	defer stderr.close()

	cmd := exec.Command(c.Path, args...)
	cmd.Dir, cmd.Env = c.Dir, append([]string{}, c.Env...)
	cmd.Stdout, cmd.Stderr = stdout.file, stderr.file
	p, err := start(cmd, c.MaxMemory)
	if err != nil {
		return fmt.Errorf("starting tofu %s: %w", args[0], err)
	}
	var readErr error
	read := func() {
		if each != nil && readErr == nil {
			readErr = stdout.lines(each)
		}
	}
	interrupted, killed := p.wait(ctx, c.Grace, read)
	read()
	if each == nil && readErr == nil {
		r.document, readErr = stdout.document()
	}
	r.exitCode = cmd.ProcessState.ExitCode()
	r.end = &Error{
		Command: args[0], Status: cmd.ProcessState.String(), Stderr: stderr.tail(maxStderr),
		Interrupted: interrupted, Killed: killed, OutOfMemory: stderr.tellsOutOfMemory(),
	}
	if failed(r.exitCode, fine) {
		return r.end
	}
	return readErr
}

func failed(exitCode int, fine []int) bool {
	for _, code := range fine {
		if exitCode == code {
			return false
		}
	}
	return exitCode != 0
}
