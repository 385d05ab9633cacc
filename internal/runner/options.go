package runner

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

const (
	// DefaultGrace is how long an apply or destroy may take to end after an
	// interrupt, and how long a state waits to be saved.
	DefaultGrace = 30 * time.Minute
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
	// Dir is the run's own directory, absolute. It is created.
	Dir string
	// Tofu is the OpenTofu program, absolute.
	Tofu string
	// ProviderMirror is a directory of unpacked providers, absolute. If it is
	// set, providers come from nowhere else.
	ProviderMirror string
	// Grace is how long an interrupted apply may take, DefaultGrace if 0.
	Grace time.Duration
}

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
	if o.ProviderMirror != "" && !filepath.IsAbs(o.ProviderMirror) {
		errs = append(errs, errors.New("--provider-mirror must be an absolute path"))
	}
	if o.Operation != infrav1.OperationApply && o.Operation != infrav1.OperationDestroy {
		errs = append(errs, fmt.Errorf("--operation must be %s or %s", infrav1.OperationApply, infrav1.OperationDestroy))
	}
	if o.Grace < 0 {
		errs = append(errs, errors.New("--grace must not be negative"))
	}
	return errors.Join(errs...)
}
