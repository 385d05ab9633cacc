package runner

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/utils/ptr"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/tfstate"
	"github.com/captproject/capt/internal/tofu"
)

// errAwaitsApproval ends a run whose plan a person has to approve. It is no
// failure.
var errAwaitsApproval = errors.New("the plan has to be approved")

// judge decides whether the plan may be carried out.
func (r *run) judge(ctx context.Context) error {
	changes := reduce(r.changes)
	if refused := protected(changes, r.Terms.Protect); len(refused) > 0 {
		return fail(ReasonProtectedResource, fmt.Sprintf(
			"the plan would delete, replace or forget what spec.protect of the WorkspaceTemplateApply protects: %s; nothing was changed; keep them in the module, or remove their protection",
			enumerate(refused)))
	}
	if r.Operation != infrav1.OperationApply || !needsApproval(changes, r.changed, r.Terms) || r.result.Plan.Digest == r.Terms.ApprovedPlan {
		return nil
	}
	// Nobody is asked to approve what nobody can read.
	var err error
	if r.planText, err = r.readablePlan(ctx); err != nil {
		return err
	}
	r.log.printf("the plan %s waits for approval", r.result.Plan.Digest)
	return errAwaitsApproval
}

// change is what counts of one change of a plan.
type change struct {
	Address string `json:"address"`
	Type    string `json:"type"`
	Action  string `json:"action"`
	Reason  string `json:"reason,omitempty"`
}

// destructive tells whether something that exists goes, or is not known any more:
// nobody would ever destroy it.
func (c change) destructive() bool {
	return slices.Contains([]string{tofu.ActionDelete, tofu.ActionReplace, tofu.ActionForget, tofu.ActionForgetCreate}, c.Action)
}

// reduce leaves of a plan what it is judged by, in an order of its own.
func reduce(all []tofu.ResourceChange) []change {
	changes := make([]change, 0, len(all))
	for _, c := range all {
		changes = append(changes, change{c.Resource.Addr, c.Resource.Type, c.Action, c.Reason})
	}
	slices.SortFunc(changes, func(a, b change) int {
		return cmp.Or(cmp.Compare(a.Address, b.Address), cmp.Compare(a.Action, b.Action), cmp.Compare(a.Reason, b.Reason))
	})
	return changes
}

// digest names a plan: what it changes, made from these inputs, in this state,
// which is another one when the same version was restored by another run ("" is
// none). Values are no part of it: those that come from the inputs are told apart
// by their digest.
func digest(changes []change, inputs string, state []byte, restoredBy string) (string, error) {
	named := struct {
		Inputs     string          `json:"inputs"`
		State      tfstate.Version `json:"state"`
		RestoredBy string          `json:"restoredBy,omitempty"`
		Changes    []change        `json:"changes"`
	}{Inputs: inputs, RestoredBy: restoredBy, Changes: changes}
	if len(state) > 0 {
		var err error
		if named.State, err = tfstate.VersionOf(state); err != nil {
			return "", err
		}
	}
	encoded, err := json.Marshal(named)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:]), nil
}

// protected returns the addresses that a plan would delete, replace or forget although
// they are protected, sorted.
func protected(changes []change, by infrav1.Protection) []string {
	var found []string
	for _, c := range changes {
		if c.destructive() && (slices.Contains(by.Types, c.Type) || slices.ContainsFunc(by.Addresses, c.isWithin)) {
			found = append(found, c.Address)
		}
	}
	return slices.Compact(found)
}

// isWithin tells whether the resource has the address, or is in the module or an
// instance of the resource that has it.
func (c change) isWithin(address string) bool {
	rest, ok := strings.CutPrefix(c.Address, address)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// needsApproval tells whether a person has to approve a plan. changed is false if
// it changes nothing, outputs included.
func needsApproval(changes []change, changed bool, terms infrav1.RunTerms) bool {
	if ptr.Deref(terms.GuardTainted, false) && slices.ContainsFunc(changes, change.undoesInterruption) {
		return true
	}
	switch terms.ApprovalPolicy {
	case infrav1.ApprovalManual:
		return changed
	case infrav1.ApprovalDestructive:
		return slices.ContainsFunc(changes, change.destructive)
	case infrav1.ApprovalAuto:
	}
	return false
}

// tainted is OpenTofu's word for a resource whose creation has not ended
// well.
const tainted = "tainted"

// undoesInterruption tells whether a change removes what may be whole: OpenTofu
// marks as tainted what it was creating when it was interrupted. It gives no
// reason for the deletion of something tainted that the module does not want any
// more, which is as the module says.
func (c change) undoesInterruption() bool { return c.destructive() && c.Reason == tainted }

// maxEnumerated is how many addresses a message holds.
const maxEnumerated = 10

func enumerate(addresses []string) string {
	if hidden := len(addresses) - maxEnumerated; hidden > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(addresses[:maxEnumerated], ", "), hidden)
	}
	return strings.Join(addresses, ", ")
}
