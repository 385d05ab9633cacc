package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/tofu"
)

const (
	// DefaultGrace is how long an apply or destroy may take to end after an
	// interrupt, and how long a state waits to be saved.
	DefaultGrace = 30 * time.Minute
	// DefaultTimeout is how long a run may take that has no spec.timeout. It is
	// there for what would never end, and longer than anything should take.
	DefaultTimeout = 6 * time.Hour
	// maxMemory is how much memory OpenTofu, and each process that it starts, may
	// have outside of a pod, in bytes. Providers need much less.
	maxMemory = 4 << 30
	// planGrace is the same for everything that changes nothing: reading from
	// the Kubernetes API, preparing, planning.
	planGrace = time.Minute
	// leaveTime is how long OpenTofu has to write errored.tfstate and to end
	// after a write to the backend was given up.
	leaveTime = 30 * time.Second
)

// Options say what to run. There are no secrets among them.
type Options struct {
	// Namespace of all objects.
	Namespace string
	// Workspace is the name of the WorkspaceTemplateApply.
	Workspace string
	// Run is the name of the WorkspaceRun.
	Run string
	// Operation is what to do.
	Operation infrav1.Operation
	// InputsSecret is the name of the Secret that holds the inputs. Its owners
	// and labels are given to what the run makes.
	InputsSecret string
	// ApplyRequest is what is noted with the outputs as complied with; "" notes
	// nothing.
	ApplyRequest string
	// Terms are what the plan is judged by, and how long all may take.
	Terms infrav1.RunTerms
	// Dir is the run's own directory, absolute. It is created.
	Dir string
	// Tofu is the OpenTofu program, absolute.
	Tofu string
	// ProviderMirror is a directory of unpacked providers, absolute, or the
	// https URL of a network mirror. If it is set, providers come from nowhere
	// else.
	ProviderMirror string
	// Plugins is a directory, absolute, on the disk of Dir, in which providers
	// that were downloaded are kept for other runs; "" keeps none. Whoever can
	// write there decides what all these runs execute.
	Plugins string
	// Grace is how long an interrupted apply may take, DefaultGrace if 0.
	Grace time.Duration
	// Ephemeral means that Dir is new and goes when the runner ends, as in a pod.
	// A state that lies nowhere else is then held until it is saved, and given up
	// only when the runner was told to stop and the grace is over. A lock that
	// bears the name of the run is a twin's, and not what an earlier start left.
	Ephemeral bool
	// TerminationLog is a file that takes a short form of the result, absolute;
	// "" is none.
	TerminationLog string
	// Log takes what run.log takes; nil is nobody.
	Log io.Writer
}

// LongestEnd is how long a runner with this grace takes, at most, to end after an
// interrupt: OpenTofu ends, then outputs and lock are seen to.
func LongestEnd(grace time.Duration) time.Duration { return 2*grace + leaveTime + planGrace }

// Validate says what is missing or wrong.
func (o *Options) Validate() error {
	var errs []error
	for _, required := range []struct{ flag, value string }{
		{"namespace", o.Namespace}, {"workspace", o.Workspace}, {"run", o.Run}, {"inputs-secret", o.InputsSecret},
	} {
		if required.value == "" {
			errs = append(errs, fmt.Errorf("--%s is required", required.flag))
		}
	}
	for _, path := range []struct{ flag, value string }{{"dir", o.Dir}, {"tofu", o.Tofu}} {
		if !filepath.IsAbs(path.value) {
			errs = append(errs, fmt.Errorf("--%s must be an absolute path", path.flag))
		}
	}
	for _, path := range []struct{ flag, value string }{{"plugins", o.Plugins}, {"termination-log", o.TerminationLog}} {
		if path.value != "" && !filepath.IsAbs(path.value) {
			errs = append(errs, fmt.Errorf("--%s must be an absolute path", path.flag))
		}
	}
	if err := (tofu.Installation{Mirror: o.ProviderMirror}).Validate(); err != nil {
		errs = append(errs, fmt.Errorf("--provider-mirror: %w", err))
	}
	operations := []infrav1.Operation{infrav1.OperationApply, infrav1.OperationPlan, infrav1.OperationDestroy}
	if !slices.Contains(operations, o.Operation) {
		errs = append(errs, fmt.Errorf("--operation must be one of %v", operations))
	}
	if o.Grace < 0 {
		errs = append(errs, errors.New("--grace must not be negative"))
	}
	return errors.Join(errs...)
}

// EncodeTerms is the value of --terms.
func EncodeTerms(terms infrav1.RunTerms) (string, error) {
	encoded, err := json.Marshal(terms)
	if err != nil {
		return "", fmt.Errorf("encoding the terms of a run: %w", err)
	}
	return string(encoded), nil
}

// DecodeTerms reads what EncodeTerms has made. A term that is not known is an
// error: it must not be passed over.
func DecodeTerms(text string) (infrav1.RunTerms, error) {
	terms := infrav1.RunTerms{}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&terms); err != nil {
		return infrav1.RunTerms{}, fmt.Errorf("--terms: %w", err)
	}
	return terms, nil
}
