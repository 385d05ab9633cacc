package runner

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

const resultFile = "result.json"

// Result is how a run ended. It holds no secrets.
type Result struct {
	// Run is the name of the WorkspaceRun.
	Run string `json:"run"`
	// Operation is what was to be done.
	Operation infrav1.Operation `json:"operation"`
	// Phase is RunSucceeded, RunAwaitingApproval or RunFailed.
	Phase infrav1.RunPhase `json:"phase"`
	// Reason is one of the Reason constants; after a success "" or
	// ReasonStateNearLimit.
	Reason string `json:"reason,omitempty"`
	// Message explains the reason, for people: one line, about 1 KiB at most.
	Message string `json:"message,omitempty"`
	// Kind is what a failure waits for, "" after a success.
	Kind infrav1.FailureKind `json:"kind,omitempty"`
	// Started and Finished are when the runner did.
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished"`
	// InputsDigest is the digest of the inputs, "" if they could not be read.
	InputsDigest string `json:"inputsDigest,omitempty"`
	// Plan counts what was to be changed, nil if there was no plan.
	Plan *infrav1.PlanSummary `json:"plan,omitempty"`
	// ReportSecret is the Secret in which people can read the log and the plan;
	// "" if it could not be written.
	ReportSecret string `json:"reportSecret,omitempty"`
	// StateEmpty is true when the state in Kubernetes is known to record no
	// infrastructure.
	StateEmpty bool `json:"stateEmpty"`
	// LockHolder is the run that held the lock, with ReasonStateLocked.
	LockHolder string `json:"lockHolder,omitempty"`
	// KeepDirectory is true when the run's directory holds a state that is
	// saved nowhere else. The directory must not be removed and the lock not
	// be broken before a person has saved it (see StateOnDisk).
	KeepDirectory bool `json:"keepDirectory,omitempty"`
}

// ReadResult reads the result from a run's directory. The error is
// os.ErrNotExist as long as the run has not ended.
func ReadResult(dir string) (*Result, error) {
	path := filepath.Join(dir, resultFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the result of a run: %w", err)
	}
	result := &Result{}
	if err := json.Unmarshal(data, result); err != nil {
		return nil, fmt.Errorf("reading the result of a run in %s: %w", path, err)
	}
	return result, nil
}

// write puts the result into a run's directory in one step.
func (r *Result) write(dir string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the result of a run: %w", err)
	}
	return writeDurably(filepath.Join(dir, resultFile), append(data, '\n'))
}

// publish writes the result to wherever it is read. A disk that is full keeps it
// from one of these places only.
func (r *Result) publish(o Options) error {
	var errs []error
	if o.TerminationLog != "" {
		if err := os.WriteFile(o.TerminationLog, r.short(), 0o600); err != nil {
			errs = append(errs, fmt.Errorf("writing the short form of the result: %w", err))
		}
	}
	if err := r.write(o.Dir); err != nil {
		errs = append(errs, fmt.Errorf("writing the result: %w", err))
	}
	return errors.Join(errs...)
}

// maxShort is the longest message that Kubernetes keeps of a container that has
// ended, in bytes.
const maxShort = 4096

// short is the result in one line that fits into a termination message: its own
// message is cut as far as it takes. ParseResult reads it.
func (r *Result) short() []byte {
	cut := *r
	for {
		var line bytes.Buffer
		encoder := json.NewEncoder(&line)
		encoder.SetEscapeHTML(false)
		// A Result has nothing that cannot be encoded.
		_ = encoder.Encode(&cut)
		if line.Len() <= maxShort || cut.Message == "" {
			return line.Bytes()
		}
		cut.Message = strings.ToValidUTF8(cut.Message[:len(cut.Message)/2], "")
	}
}

// ParseResult reads a result from a termination message.
func ParseResult(message string) (*Result, error) {
	result := &Result{}
	if err := json.Unmarshal([]byte(message), result); err != nil {
		return nil, fmt.Errorf("reading the result of a run: %w", err)
	}
	return result, nil
}

// writeDurably writes a file such that it is either the old or the new one
// whenever the power fails.
func writeDurably(path string, data []byte) error {
	temporary := path + ".tmp"
	file, err := os.OpenFile(temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		_ = os.Remove(temporary)
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return os.Rename(temporary, path)
}
