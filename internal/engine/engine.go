package engine

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterctlv1 "sigs.k8s.io/cluster-api/cmd/clusterctl/api/v1alpha3"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// Engine makes the infrastructure of workspaces.
//
// Its methods are asked again and again with the same question until the answer
// is final. They return at once, they are safe to repeat after a crash at any
// point, and nothing they have begun is ever cut short because the question has
// changed. What an observation depends on is watched by the caller.
//
// An error means that the question could not be asked (the API server refused);
// that infrastructure could not be made is an observation.
type Engine interface {
	// Apply asks for the infrastructure to be as the inputs want it, and to be
	// applied again if the workspace's annotation apply-requested-at has a value
	// that was not complied with yet. Without inputs nothing is begun: it is
	// UpToDate as far as anybody can say.
	Apply(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply, in *Inputs) (Observation, error)

	// Check asks for it to be looked, when that is due, whether somebody else has
	// changed the infrastructure. It is for a workspace that Apply has just called
	// UpToDate, with the same inputs. A check gives way to whatever Apply, Destroy
	// or Release want to begin.
	Check(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply, in *Inputs) (Drift, error)

	// Destroy asks for the infrastructure, its state and everything else that
	// is kept for the workspace to be gone. The inputs are the present ones;
	// they are used only if those that the infrastructure was made from are
	// lost or do not work any more, and may be nil.
	Destroy(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply, in *Inputs) (Observation, error)

	// PrepareMove tells whether the workspace can be moved to another management
	// cluster: nothing is under way, and all that is kept for it is in the API
	// server. What its objects are to take along is in them then. It is asked only
	// while nothing can be begun. A *MoveBlockedError says what a person has to do first.
	PrepareMove(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply) (bool, error)

	// MarkForMove sees to it that what is kept of the workspace's state goes along
	// when clusterctl moves the workspace (GoesAlong), and stays when it does not.
	MarkForMove(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply) error

	// Release asks for everything that is kept for the workspace to be gone,
	// except the infrastructure and its state. A destruction that has not begun is
	// called off; one that has is finished first.
	Release(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply) (Observation, error)

	// SecretNames are the names of the Secrets in which results are kept for the
	// workspace. Nobody else may use them: one of somebody else is never touched,
	// and is a Failure as long as it is there.
	SecretNames(workspace *infrav1.WorkspaceTemplateApply) []string
}

// GoesAlong tells whether clusterctl moves a workspace together with what it owns:
// one that was made for a Cluster, or that a person has said it of.
func GoesAlong(workspace *infrav1.WorkspaceTemplateApply) bool {
	_, hierarchy := workspace.Labels[clusterctlv1.ClusterctlMoveHierarchyLabel]
	return hierarchy || metav1.GetControllerOf(workspace) != nil
}

// Inputs are rendered inputs (package inputs) in encoded form.
type Inputs struct {
	// Encoded is what inputs.Inputs.Encode returned.
	Encoded []byte
	// Digest is what inputs.Digest returned for it.
	Digest string
}

// State is how the infrastructure of a workspace stands.
type State string

const (
	// Running means that a run is under way.
	Running State = "Running"
	// UpToDate means that the infrastructure was made from the inputs asked for.
	UpToDate State = "UpToDate"
	// Failed means that the last run failed; see Observation.Failure.
	Failed State = "Failed"
	// AwaitingApproval means that there is a plan, Observation.Plan, that a person
	// has to approve.
	AwaitingApproval State = "AwaitingApproval"
	// Suspended means that a run is due, and that spec.suspend keeps it.
	Suspended State = "Suspended"
	// Gone means that nothing is left of what was to be removed.
	Gone State = "Gone"
)

// Observation is how a workspace stands.
type Observation struct {
	State State

	// Run is the name of the latest run that applies or destroys, or of a check that
	// it waits for; "" if there is none.
	Run string
	// Operation of that run.
	Operation infrav1.Operation
	// NotBegun is why nothing is carried out although State is Running; "" if
	// something is.
	NotBegun string
	// Refreshing is true when State is Running or Suspended and the infrastructure was
	// made from the inputs asked for already: an annotation asks for the run, or drift
	// does.
	Refreshing bool
	// HandledRequest is the value of the annotation apply-requested-at for which
	// a run has ended, well or not; "" if there is none or it is not known.
	HandledRequest string

	// Failure is set when State is Failed.
	Failure *Failure

	// OutputsSecret is the name of the Secret with the outputs of the last
	// successful apply; "" if there was none.
	OutputsSecret string
	// Plan counts the changes of the latest run that had a plan.
	Plan *infrav1.PlanSummary
	// PlanText is where people can read that plan, set when State is
	// AwaitingApproval.
	PlanText string
	// LastApplied is when the last successful apply ended; zero if not known.
	LastApplied time.Time
}

// Drift is what is known of the changes that somebody else has made to the
// infrastructure of a workspace.
type Drift struct {
	// Plan counts what an apply would do about them, as the last check or a later
	// apply has found it: nothing, if there are none; nil if that is not known.
	Plan *infrav1.PlanSummary
	// PlanText is where people can read that plan, set when it changes anything.
	PlanText string
	// Failure is why the last check failed, and when the next one is; nil if it
	// did not.
	Failure *Failure
	// CheckAfter is how long until the next check; 0 means that the end of a run,
	// or a change of the workspace, has to come first.
	CheckAfter time.Duration
}

// Failure is why a run failed.
type Failure struct {
	// Reason in one UpperCamel word, Message for people; neither holds a secret.
	Reason, Message string
	// RetryAfter is how long until the next try; 0 means that only a change of
	// the inputs helps.
	RetryAfter time.Duration
}

// MoveBlockedError says why a workspace cannot be moved although nothing is under way,
// and what to do.
type MoveBlockedError struct{ Message string }

func (e *MoveBlockedError) Error() string { return e.Message }

// MoveBlocked is a *MoveBlockedError with such a message.
func MoveBlocked(format string, args ...any) error {
	return &MoveBlockedError{Message: fmt.Sprintf(format, args...)}
}
