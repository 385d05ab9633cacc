package runner

import (
	"errors"
	"fmt"
	"slices"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/tfstate"
)

// Reasons of a Result. Each comment says what mends it.
const (
	// ReasonInputsNotFound means that the inputs Secret does not exist or
	// cannot be read. The manager makes it again with the next run.
	ReasonInputsNotFound = "InputsNotFound"
	// ReasonInputsInvalid means that the inputs hold what cannot be carried
	// out: a file outside of the working directory, a reserved name. Mended in
	// the template.
	ReasonInputsInvalid = "InputsInvalid"
	// ReasonModuleNotFound means that the module, or one that it uses, cannot
	// be fetched. Mended where it lies, or in the template's address.
	ReasonModuleNotFound = "ModuleNotFound"
	// ReasonModuleInvalid means that the module is not valid. Mended in the
	// module.
	ReasonModuleInvalid = "ModuleInvalid"
	// ReasonProviderNotFound means that a provider cannot be fetched. Mended in
	// the mirror or registry, or in the module's required_providers.
	ReasonProviderNotFound = "ProviderNotFound"
	// ReasonLockFileMismatch means that a provider is not the one that
	// .terraform.lock.hcl records. Mended in the template's lockFile, or in the
	// mirror; never by trying without the file.
	ReasonLockFileMismatch = "LockFileMismatch"
	// ReasonVariableMissing means that the module wants a variable that nobody
	// gave. Mended in the template or in the workspace's variables.
	ReasonVariableMissing = "VariableMissing"
	// ReasonVariableInvalid means that the module refuses the value of a
	// variable. Mended in the template or in the workspace's variables.
	ReasonVariableInvalid = "VariableInvalid"
	// ReasonArgumentInvalid means that OpenTofu refuses a further argument.
	// Mended in the template's initArgs, planArgs, applyArgs or destroyArgs.
	ReasonArgumentInvalid = "ArgumentInvalid"
	// ReasonInitFailed means that OpenTofu could not prepare the module, for
	// another reason than those above. Tried again.
	ReasonInitFailed = "InitFailed"
	// ReasonPlanFailed means that a valid module could not be planned, usually
	// because the infrastructure's API refused. Tried again.
	ReasonPlanFailed = "PlanFailed"
	// ReasonProtectedResource means that the plan would delete, replace or forget what
	// is protected. Mended in the module, or in spec.protect of the
	// WorkspaceTemplateApply.
	ReasonProtectedResource = "ProtectedResource"
	// ReasonApplyFailed means that the infrastructure could not be made, or
	// only in part; the state says what there is. Tried again.
	ReasonApplyFailed = "ApplyFailed"
	// ReasonDestroyFailed means that the infrastructure could not be removed,
	// or only in part. Tried again.
	ReasonDestroyFailed = "DestroyFailed"
	// ReasonInterrupted means that the runner was told to stop. Tried again.
	ReasonInterrupted = "Interrupted"
	// ReasonTimeout means that the run took longer than spec.timeout of the
	// WorkspaceTemplateApply, DefaultTimeout if it has none. Tried again.
	ReasonTimeout = "Timeout"
	// ReasonOutOfMemory means that OpenTofu needed more memory than it may have.
	// Tried again; mended in the module, or with the Job executor by the limit in
	// the template's runner.
	ReasonOutOfMemory = "OutOfMemory"
	// ReasonBackendFailed means that state or lock could not be read from or
	// written to the Kubernetes API before anything was changed. Tried again.
	ReasonBackendFailed = "BackendFailed"
	// ReasonStateLocked means that another run holds the lock. Tried again; a
	// lock whose holder is dead is broken by the manager.
	ReasonStateLocked = "StateLocked"
	// ReasonStateMissing means that the state that the last outputs come from
	// is not there, or another one is. A person has to restore it, or to say
	// that there is none any more by removing the annotation state-lineage from
	// the outputs Secret.
	ReasonStateMissing = "StateMissing"
	// ReasonStateNotRestored means that the version that the annotation
	// restore-state wants is not there, or is none. A person has to correct the
	// annotation, or to remove it.
	ReasonStateNotRestored = "StateNotRestored"
	// ReasonStateNotSaved means that the state of what was made could not be
	// saved. It lies in the run's directory, and the lock is kept. The same run,
	// started again, saves it if it is proven to belong there (recover);
	// otherwise a person has to (tofu state push), and to remove the lock.
	ReasonStateNotSaved = "StateNotSaved"
	// ReasonStateTooLarge is ReasonStateNotSaved because the state is larger
	// than what can be kept.
	ReasonStateTooLarge = "StateTooLarge"
	// ReasonStateNearLimit comes with a success: the state has 80 % of what can
	// be kept, or more. Mended by dividing the module.
	ReasonStateNearLimit = "StateNearLimit"
	// ReasonSecretNotOurs means that a Secret of somebody else has the name of one
	// of the workspace's. It is left alone: rename or delete it. The next run
	// begins when it is gone.
	ReasonSecretNotOurs = "SecretNotOurs"
	// ReasonOutputsNotStored means that all went well except for writing the
	// outputs Secret. Tried again, which changes nothing else.
	ReasonOutputsNotStored = "OutputsNotStored"
	// ReasonRunnerFailed means that the runner itself broke: a bug, or its
	// directory cannot be written. Tried again.
	ReasonRunnerFailed = "RunnerFailed"
)

// configuration are the reasons that no repetition mends.
var configuration = []string{
	ReasonInputsInvalid, ReasonModuleInvalid, ReasonVariableMissing, ReasonVariableInvalid,
	ReasonArgumentInvalid, ReasonProtectedResource, ReasonStateNotSaved, ReasonStateTooLarge, ReasonStateMissing,
	ReasonStateNotRestored,
}

// KindOf says what a failure waits for.
func KindOf(reason string) infrav1.FailureKind {
	if slices.Contains(configuration, reason) {
		return infrav1.FailureConfiguration
	}
	return infrav1.FailureTransient
}

// failure is an error with a reason. Its message may hold secrets until it has
// become part of a Result.
type failure struct {
	reason  string
	message string
}

func (f *failure) Error() string { return f.reason + ": " + f.message }

func fail(reason, message string) *failure { return &failure{reason: reason, message: message} }

// fill puts a failure into a result.
func (r *Result) fill(err error, clean func(string) string) {
	f := asFailure(err)
	r.Phase = infrav1.RunFailed
	r.Reason = f.reason
	r.Message = shorten(clean(f.message), maxMessage)
	r.Kind = KindOf(f.reason)
	var locked *tfstate.LockedError
	if errors.As(err, &locked) {
		r.LockHolder = locked.Info.ID
	}
}

// asFailure finds the reason of an error. What has none is our own fault.
func asFailure(err error) *failure {
	var f *failure
	var locked *tfstate.LockedError
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &locked):
		return fail(ReasonStateLocked, locked.Error()+"; it will be tried again")
	}
	return fail(ReasonRunnerFailed, err.Error())
}

// MissingState is the message of ReasonStateMissing: instead is the lineage of
// the state that is there, "" if there is none.
func MissingState(namespace, workspace, instead string) string {
	found := "is empty or gone"
	if instead != "" {
		found = "has another lineage, " + instead
	}
	return fmt.Sprintf("the state in Secret %s %s, although the outputs in Secret %s come from one; restore it, or, if nothing of what was made exists any more, remove the annotation %s from the outputs",
		tfstate.SecretName(tfstate.Suffix(namespace, workspace)), found, OutputsName(workspace), infrav1.StateLineageAnnotation)
}

// SecretNotOurs is the message of ReasonSecretNotOurs.
func SecretNotOurs(secret, workspace string) string {
	return fmt.Sprintf("Secret %s exists and is not of WorkspaceTemplateApply %s; rename or delete it", secret, workspace)
}
