package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Operation is what a run does.
// +kubebuilder:validation:Enum=Apply;Plan;Destroy
type Operation string

const (
	// OperationApply makes the infrastructure as its inputs want it.
	OperationApply Operation = "Apply"
	// OperationPlan finds out what an apply would change, and changes nothing.
	OperationPlan Operation = "Plan"
	// OperationDestroy destroys the infrastructure.
	OperationDestroy Operation = "Destroy"
)

// RunPhase is how far a run has come.
// +kubebuilder:validation:Enum=Pending;Running;AwaitingApproval;Succeeded;Failed;Cancelled;Lost
type RunPhase string

const (
	// RunPending waits for its turn, or for its pod to start.
	RunPending RunPhase = "Pending"
	// RunRunning has been started.
	RunRunning RunPhase = "Running"
	// RunAwaitingApproval ended with a plan that a person has to approve before
	// another run carries it out.
	RunAwaitingApproval RunPhase = "AwaitingApproval"
	// RunSucceeded ended well.
	RunSucceeded RunPhase = "Succeeded"
	// RunFailed ended with an error; reason and message say which.
	RunFailed RunPhase = "Failed"
	// RunCancelled was ended by spec.cancel.
	RunCancelled RunPhase = "Cancelled"
	// RunLost ended without a result: its runner is proven dead.
	RunLost RunPhase = "Lost"
)

// FailureKind says what a failed run waits for.
// +kubebuilder:validation:Enum=Transient;Configuration
type FailureKind string

const (
	// FailureTransient may pass: the run is repeated after a while.
	FailureTransient FailureKind = "Transient"
	// FailureConfiguration will not pass until the inputs change.
	FailureConfiguration FailureKind = "Configuration"
)

// RunFinalizer keeps a WorkspaceRun until its runner has ended: deleting a run stops
// nothing.
const RunFinalizer = "infrastructure.cluster.x-k8s.io/workspacerun"

// WorkspaceRunSpec is what a run does, and with what. Only cancel may change.
//
// +kubebuilder:validation:XValidation:rule="has(self.applyRequest) == has(oldSelf.applyRequest) && has(self.approvalPolicy) == has(oldSelf.approvalPolicy) && has(self.approvedPlan) == has(oldSelf.approvedPlan) && has(self.protect) == has(oldSelf.protect) && has(self.guardTainted) == has(oldSelf.guardTainted) && has(self.timeout) == has(oldSelf.timeout)",message="a run cannot be changed; change the WorkspaceTemplateApply instead"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.cancel) || !oldSelf.cancel || (has(self.cancel) && self.cancel)",message="a run that was cancelled stays so"
type WorkspaceRunSpec struct {
	// applyName is the WorkspaceTemplateApply that the run is for.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a run cannot be changed; change the WorkspaceTemplateApply instead"
	ApplyName string `json:"applyName,omitempty"`

	// operation is Apply, Plan or Destroy.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a run cannot be changed; change the WorkspaceTemplateApply instead"
	Operation Operation `json:"operation,omitempty"`

	// inputsRef names the Secret that holds the rendered inputs.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a run cannot be changed; change the WorkspaceTemplateApply instead"
	InputsRef InputsReference `json:"inputsRef,omitempty,omitzero"`

	// applyRequest is the value of the annotation
	// infrastructure.cluster.x-k8s.io/apply-requested-at that the run complies
	// with.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a run cannot be changed; change the WorkspaceTemplateApply instead"
	ApplyRequest string `json:"applyRequest,omitempty"`

	// attempt counts the runs with the same operation, inputs and request, from 1.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a run cannot be changed; change the WorkspaceTemplateApply instead"
	Attempt int32 `json:"attempt,omitempty"`

	RunTerms `json:",inline"`

	// cancel ends the run: a plan at once, an apply or destroy as soon as
	// OpenTofu can leave what it is doing. It cannot be taken back. The workspace
	// then starts nothing until its inputs change or an annotation asks for it;
	// a deletion goes on by itself.
	// +optional
	Cancel *bool `json:"cancel,omitempty"`
}

// RunTerms are the conditions that a run is carried out under. They are those of
// its WorkspaceTemplateApply when the run was made.
type RunTerms struct {
	// approvalPolicy says which plans need approvedPlan; default Auto.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a run cannot be changed; change the WorkspaceTemplateApply instead"
	ApprovalPolicy ApprovalPolicy `json:"approvalPolicy,omitempty"`

	// approvedPlan is the digest of the plan that was approved.
	// +optional
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a run cannot be changed; change the WorkspaceTemplateApply instead"
	ApprovedPlan string `json:"approvedPlan,omitempty"`

	// protect are the resources that must be neither deleted nor replaced.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a run cannot be changed; change the WorkspaceTemplateApply instead"
	Protect Protection `json:"protect,omitempty,omitzero"`

	// guardTainted asks for an approval, whatever the policy, of a plan that
	// replaces what is tainted: an earlier run was interrupted or killed, and what
	// it was making then may well be whole.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a run cannot be changed; change the WorkspaceTemplateApply instead"
	GuardTainted *bool `json:"guardTainted,omitempty"`

	// timeout is how long the run may take until it is interrupted, for
	// instance 1h30m; by default as long as it needs.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a run cannot be changed; change the WorkspaceTemplateApply instead"
	Timeout *metav1.Duration `json:"timeout,omitempty"`
}

// InputsReference names rendered inputs.
type InputsReference struct {
	// name of the Secret, in the same namespace.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// digest is the SHA-256 of the inputs, in hexadecimal.
	// +required
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	Digest string `json:"digest,omitempty"`
}

// Conditions of a WorkspaceRun.
const (
	// SucceededCondition is true when the run ended well, and false until then
	// and when it ended otherwise; the reason tells.
	SucceededCondition = "Succeeded"
)

// WorkspaceRunStatus is how a run goes or went.
// +kubebuilder:validation:MinProperties=1
type WorkspaceRunStatus struct {
	// conditions has Succeeded.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=32
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// phase is how far the run has come.
	// +optional
	Phase RunPhase `json:"phase,omitempty"`

	// startTime is when the runner was started.
	// +optional
	StartTime metav1.Time `json:"startTime,omitempty,omitzero"`

	// completionTime is when the run ended.
	// +optional
	CompletionTime metav1.Time `json:"completionTime,omitempty,omitzero"`

	// plan counts what the run wanted to change.
	// +optional
	Plan PlanSummary `json:"plan,omitempty,omitzero"`

	// reportSecretName is the Secret in which people can read, under the keys
	// <run>.log and <run>.plan, the end of the log of the run and its plan; for a
	// run with the operation Plan, drift.log and drift.plan.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	ReportSecretName string `json:"reportSecretName,omitempty"`

	// reason is why the run failed, in one word.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Reason string `json:"reason,omitempty"`

	// message is why the run failed, for people, without secrets.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Message string `json:"message,omitempty"`

	// failureKind says what a failed run waits for.
	// +optional
	FailureKind FailureKind `json:"failureKind,omitempty"`

	// runner is where the run is carried out: "Job <name>" until its pod starts,
	// then "pod <name> on <node>"; or "process <pid> on <host>".
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Runner string `json:"runner,omitempty"`
}

// WorkspaceRun is one execution of OpenTofu for a WorkspaceTemplateApply.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=workspaceruns,shortName=wrun,scope=Namespaced,categories={cluster-api,capt}
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:metadata:labels="cluster.x-k8s.io/v1beta2=v1beta1"
// +kubebuilder:selectablefield:JSONPath=".spec.applyName"
// +kubebuilder:printcolumn:name="Apply",type="string",JSONPath=".spec.applyName",description="The WorkspaceTemplateApply"
// +kubebuilder:printcolumn:name="Operation",type="string",JSONPath=".spec.operation",description="What the run does"
// +kubebuilder:printcolumn:name="Phase",type="string",JSONPath=".status.phase",description="How far the run has come"
// +kubebuilder:printcolumn:name="Reason",type="string",JSONPath=".status.reason",description="Why it failed"
// +kubebuilder:printcolumn:name="Add",type="integer",JSONPath=".status.plan.add",description="Resources to be created"
// +kubebuilder:printcolumn:name="Change",type="integer",JSONPath=".status.plan.change",description="Resources to be updated"
// +kubebuilder:printcolumn:name="Destroy",type="integer",JSONPath=".status.plan.destroy",description="Resources to be deleted"
// +kubebuilder:printcolumn:name="Replace",type="integer",JSONPath=".status.plan.replace",description="Resources to be replaced"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp",description="Time since creation"
type WorkspaceRun struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the run does.
	// +required
	Spec WorkspaceRunSpec `json:"spec,omitempty,omitzero"`

	// status is how it goes or went.
	// +optional
	Status WorkspaceRunStatus `json:"status,omitempty,omitzero"`
}

// GetConditions returns the conditions of the object.
func (r *WorkspaceRun) GetConditions() []metav1.Condition { return r.Status.Conditions }

// SetConditions replaces the conditions of the object.
func (r *WorkspaceRun) SetConditions(conditions []metav1.Condition) {
	r.Status.Conditions = conditions
}

// Ended tells whether the run is over, well or not.
func (r *WorkspaceRun) Ended() bool {
	switch r.Status.Phase {
	case RunSucceeded, RunFailed, RunLost, RunAwaitingApproval, RunCancelled:
		return true
	case RunPending, RunRunning:
	}
	return false
}

// Begun tells whether the run was handed to its executor. One that is pending was
// when it has a Job; otherwise it waits for its turn.
func (r *WorkspaceRun) Begun() bool {
	return !r.Status.StartTime.IsZero() || r.Status.Runner != "" || r.Ended()
}

// WorkspaceRunList is a list of WorkspaceRuns.
//
// +kubebuilder:object:root=true
type WorkspaceRunList struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard list's metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	// items are the WorkspaceRuns.
	Items []WorkspaceRun `json:"items"`
}
