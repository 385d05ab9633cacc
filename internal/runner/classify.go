package runner

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/captproject/capt/internal/tfstate"
	"github.com/captproject/capt/internal/tofu"
)

// activity is what a command was doing, for messages.
type activity string

const (
	fetching       activity = "fetching the module"
	initializing   activity = "preparing the module (tofu init)"
	planning       activity = "planning"
	showing        activity = "showing the plan"
	applying       activity = "applying the plan"
	readingOutputs activity = "reading the outputs"
	// readingEncrypted is for a state that the module encrypts.
	readingEncrypted activity = "reading the encrypted state"
	readingState     activity = "reading the state from the template's backend"
)

// Summaries of OpenTofu's diagnostics that tell what is wrong. OpenTofu has no
// codes for them; those of 1.12 are tested against the real program.
var (
	providerSummaries = []string{
		"Failed to query available provider packages", "Failed to resolve provider packages",
		"Failed to install provider", "Failed to install provider from shared cache",
		"Invalid provider registry host", "Incompatible provider version",
	}
	moduleSummaries = []string{
		"Failed to download module", "Error accessing remote module registry",
		"Invalid response from remote module registry", "Module not found", "Module has no versions",
		"Unresolvable module version constraint", "Module subdirectory not found",
	}
	missingSummaries  = []string{"No value for required variable"}
	invalidSummaries  = []string{"Invalid value for input variable", "Invalid value for variable"}
	argumentSummaries = []string{"Failed to parse command-line flags", "Too many command line arguments", "Invalid -var option"}
	moduleErrors      = []string{"Invalid module source address", "Unsupported OpenTofu Core version", "Unreadable module directory"}
)

// Phrases in details about a lock file.
const (
	constraintPhrase = "does not match configured version constraint"
	checksumPhrase   = "match any of the checksums"
)

// outcome turns the error of a command into the failure of the run. nil stays
// nil.
func (r *run) outcome(ctx context.Context, err error, reason string, doing activity) error {
	if r.server != nil {
		r.server.release()
	}
	if err == nil {
		return nil
	}
	var failed *tofu.Error
	if errors.As(err, &failed) && failed.Killed {
		reason, why := r.stopped(ctx)
		return fail(reason, fmt.Sprintf("%s while %s, and OpenTofu was killed because it did not end in time", why, doing))
	}
	if ctx.Err() != nil {
		return r.interrupted(ctx)
	}
	if failed == nil {
		return err
	}
	return r.classify(failed, reason, doing)
}

// classify finds the reason in what a command said; fallback, if it says none.
func (r *run) classify(failed *tofu.Error, fallback string, doing activity) error {
	if failed.OutOfMemory {
		return fail(ReasonOutOfMemory, fmt.Sprintf("OpenTofu got no more memory while %s: make the module smaller", doing))
	}
	errs := tofu.Errors(failed.Diagnostics)
	if len(errs) == 0 {
		message := fmt.Sprintf("%s: tofu %s: %s", doing, failed.Command, failed.Status)
		if said := lastLine(r.clean(failed.Stderr)); said != "" {
			message += ": " + said
		}
		return fail(fallback, message)
	}
	reason := fallback
	for _, d := range errs {
		if found := reasonOf(d, doing); found != "" {
			reason = found
			break
		}
	}
	if reason == ReasonVariableMissing {
		return fail(reason, missing(errs))
	}
	return fail(reason, summarize(failed.Diagnostics, r.clean))
}

// reasonOf is the reason that one error gives by itself, or "".
func reasonOf(d tofu.Diagnostic, doing activity) string {
	has := func(summaries []string) bool { return slices.Contains(summaries, d.Summary) }
	switch {
	case has(argumentSummaries):
		return ReasonArgumentInvalid
	case has(providerSummaries) && strings.Contains(d.Detail, constraintPhrase), strings.Contains(d.Detail, checksumPhrase):
		return ReasonLockFileMismatch
	case has(providerSummaries):
		return ReasonProviderNotFound
	case has(moduleSummaries):
		return ReasonModuleNotFound
	case has(missingSummaries):
		return ReasonVariableMissing
	case has(invalidSummaries), inVariablesFile(d):
		return ReasonVariableInvalid
	case has(moduleErrors), doing == initializing && inModule(d):
		// What OpenTofu finds wrong at a place of the module before it has
		// asked anybody can only be the module.
		return ReasonModuleInvalid
	}
	return ""
}

func inVariablesFile(d tofu.Diagnostic) bool {
	return d.Range != nil && strings.HasPrefix(filepath.Base(d.Range.Filename), ownPrefix) && strings.Contains(d.Range.Filename, ".tfvars")
}

// missing names the variables that have no value. OpenTofu's own advice is
// about its command line.
func missing(errs []tofu.Diagnostic) string {
	var names []string
	for _, d := range errs {
		if !slices.Contains(missingSummaries, d.Summary) {
			continue
		}
		if _, rest, ok := strings.Cut(d.Detail, `"`); ok {
			name, _, _ := strings.Cut(rest, `"`)
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return fmt.Sprintf("the module needs a value for %s: set it in the template or in the workspace's variables", strings.Join(slices.Compact(names), ", "))
}

// outdatedLock tells whether init failed because the module wants other
// versions than the lock file holds. A checksum that does not match is another
// matter.
func outdatedLock(err error) bool {
	var failed *tofu.Error
	if !errors.As(err, &failed) {
		return false
	}
	for _, d := range tofu.Errors(failed.Diagnostics) {
		if !strings.Contains(oneLine(d.Detail), constraintPhrase) {
			return false
		}
	}
	return len(failed.Diagnostics) > 0
}

// stateNotSaved is the failure of the run if its state could not be saved, nil
// if it was, or if cause is such a failure. cause is why the run failed so far.
func (r *run) stateNotSaved(cause error) error {
	var err error
	if r.server != nil {
		err = r.server.failed()
	}
	left, _ := StateOnDisk(r.Dir)
	if err == nil && len(left) == 0 || notSavedReason(cause) {
		return nil
	}
	if err == nil {
		err = errors.New("OpenTofu could not save the state")
	}
	return r.notSaved(err, left)
}

func notSavedReason(err error) bool {
	var f *failure
	return errors.As(err, &f) && (f.reason == ReasonStateNotSaved || f.reason == ReasonStateTooLarge)
}

// notSaved is the failure of a run whose state could not be saved.
func (r *run) notSaved(err error, left []string) error {
	reason := ReasonStateNotSaved
	var tooLarge *tfstate.TooLargeError
	if errors.As(err, &tooLarge) {
		reason = ReasonStateTooLarge
	}
	return fail(reason, fmt.Sprintf("%v; %s", err, r.onDiskMessage(left)))
}

// onDiskMessage says what a person has to do.
func (r *run) onDiskMessage(files []string) string {
	if r.Ephemeral {
		return fmt.Sprintf("the state went with the pod of the run, and the lock is kept: bring the state in Secret %s up to date (tofu import), then delete Lease %s",
			tfstate.SecretName(r.suffix()), tfstate.LeaseName(r.suffix()))
	}
	if len(files) == 0 {
		return "the disk did not take it either: what the run has made since the last state that was saved has to be found and imported or removed by hand; then release the lock"
	}
	return fmt.Sprintf("the state is only in %s, and the lock is kept: delete the Lease, save the state with `tofu state push`, then remove the file", strings.Join(files, " and "))
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return shorten(strings.TrimSpace(lines[len(lines)-1]), maxDetail)
}
