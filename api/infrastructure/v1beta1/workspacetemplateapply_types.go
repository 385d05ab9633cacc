package v1beta1

import (
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Conditions of a WorkspaceTemplateApply.
const (
	// InputsResolvedCondition is true when the template and everything that it
	// and the apply refer to were found and rendered.
	InputsResolvedCondition = "InputsResolved"

	// AppliedCondition is true when the infrastructure was made from the
	// present inputs.
	AppliedCondition = "Applied"

	// OutputsStoredCondition is true when the outputs of the last successful
	// run are where they are wanted.
	OutputsStoredCondition = "OutputsStored"

	// DriftedCondition is true when the infrastructure is not as its inputs want
	// it any more: somebody else has changed it. It is no part of Ready.
	DriftedCondition = "Drifted"

	// ReadyCondition sums up the others, except for Drifted.
	ReadyCondition = "Ready"
)

// WorkspaceFinalizer keeps a WorkspaceTemplateApply until its infrastructure is gone.
const WorkspaceFinalizer = "infrastructure.cluster.x-k8s.io/workspacetemplateapply"

// WorkspaceTemplateApplySpec is one wanted instance of a template.
type WorkspaceTemplateApplySpec struct {
	// templateRef names the template.
	// +required
	TemplateRef WorkspaceTemplateReference `json:"templateRef,omitempty,omitzero"`

	// variables are given to the template (as `${name}`) and, by name, to the
	// module if it declares them and the template does not map them. They are
	// read as OpenTofu reads `-var`.
	// +optional
	// +kubebuilder:validation:MaxProperties=256
	Variables map[string]string `json:"variables,omitempty"`

	// values are typed values for variables of the module, passed if the module
	// declares them and the template does not map them. They win over variables
	// of the same name.
	// +optional
	// +mapType=atomic
	// +kubebuilder:validation:MaxProperties=256
	Values map[string]apiextensionsv1.JSON `json:"values,omitempty"`

	// variablesFrom passes the outputs of other applies to the module, by name,
	// if it declares them and nothing else gives them a value. The run waits
	// until those applies are ready.
	// +optional
	// +listType=map
	// +listMapKey=applyRef
	// +kubebuilder:validation:MaxItems=16
	VariablesFrom []VariablesSource `json:"variablesFrom,omitempty"`

	// waitForSecrets are Secrets that must exist before anything is run.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	WaitForSecrets []LocalReference `json:"waitForSecrets,omitempty"`

	// waitForWorkspaces are other applies that must be ready before anything is
	// run.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	WaitForWorkspaces []LocalReference `json:"waitForWorkspaces,omitempty"`

	// writeConnectionSecretToRef names the Secret that all outputs are written
	// to, a key each: strings as they are, anything else as JSON. By default
	// that of the template; if that has none either, none is written. `${name}`
	// is replaced in its name.
	// +optional
	WriteConnectionSecretToRef *LocalReference `json:"writeConnectionSecretToRef,omitempty"`

	// retainWorkspaceOnDelete leaves the infrastructure and its state when this
	// object is deleted; default false.
	// +optional
	RetainWorkspaceOnDelete *bool `json:"retainWorkspaceOnDelete,omitempty"`

	// approval says which plans a person has to approve before they are carried
	// out. By default none. The deletion of this object needs none.
	// +optional
	Approval Approval `json:"approval,omitempty,omitzero"`

	// drift says how often it is looked whether somebody else has changed the
	// infrastructure, and what happens then. By default it is looked every hour,
	// and told in the condition Drifted.
	// +optional
	Drift Drift `json:"drift,omitempty,omitzero"`

	// suspend keeps new runs from being started, those of a deletion included;
	// default false. A run that is under way goes on.
	// +optional
	Suspend *bool `json:"suspend,omitempty"`

	// timeout is how long a run may take, for instance 1h30m. Then it is
	// interrupted once, fails with the reason Timeout, and is tried again later.
	// Default: 6h.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s')",message="the timeout must be at least 1s"
	Timeout *metav1.Duration `json:"timeout,omitempty"`

	// protect are resources that must be neither deleted nor replaced: a plan
	// that would do so fails with the reason ProtectedResource, that of a
	// deletion of this object included. To let go of one, remove it here.
	// +optional
	Protect Protection `json:"protect,omitempty,omitzero"`
}

// ApprovalPolicy says which plans a person has to approve.
// +kubebuilder:validation:Enum=Auto;Destructive;Manual
type ApprovalPolicy string

const (
	// ApprovalAuto carries out every plan.
	ApprovalAuto ApprovalPolicy = "Auto"
	// ApprovalDestructive wants an approval of plans that delete or replace.
	ApprovalDestructive ApprovalPolicy = "Destructive"
	// ApprovalManual wants an approval of every plan that changes anything.
	ApprovalManual ApprovalPolicy = "Manual"
)

// Approval says which plans a person has to approve, and which one was.
// +kubebuilder:validation:MinProperties=1
type Approval struct {
	// policy is Auto (no plan), Destructive (those that delete or replace) or
	// Manual (all that change anything); default Auto.
	// +optional
	Policy ApprovalPolicy `json:"policy,omitempty"`

	// approvedPlan is the digest of the plan that may be carried out, as
	// status.plan.digest shows it: 64 hexadecimal digits. It fits that plan for
	// the same inputs and the same state only; anything else is asked for again.
	// +optional
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[0-9a-f]+$`
	ApprovedPlan string `json:"approvedPlan,omitempty"`
}

// DriftMode says what happens when somebody else has changed the infrastructure.
// +kubebuilder:validation:Enum=Ignore;Report;Remediate
type DriftMode string

const (
	// DriftIgnore never looks.
	DriftIgnore DriftMode = "Ignore"
	// DriftReport looks, and tells in the condition Drifted.
	DriftReport DriftMode = "Report"
	// DriftRemediate looks, tells, and applies the same inputs again.
	DriftRemediate DriftMode = "Remediate"
)

// Drift says how often it is looked whether somebody else has changed the
// infrastructure, and what happens then.
// +kubebuilder:validation:MinProperties=1
type Drift struct {
	// mode is Ignore (never look), Report (tell in the condition Drifted) or
	// Remediate (tell, and apply the same inputs again; approval and protection
	// count as for any apply); default Report.
	// +optional
	Mode DriftMode `json:"mode,omitempty"`

	// interval is how long after a check or an apply that went well it is looked
	// again, for instance 30m, and up to a tenth more, so that not all look at
	// once; at least 1m, default 1h.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1m')",message="the interval must be at least 1m"
	Interval *metav1.Duration `json:"interval,omitempty"`
}

// Protection names resources, by address or by type.
// +kubebuilder:validation:MinProperties=1
type Protection struct {
	// addresses of resources (aws_db_instance.main), of single instances of them
	// (aws_db_instance.main["a"]) or of modules and all that is in them
	// (module.database).
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=512
	Addresses []string `json:"addresses,omitempty"`

	// types of resources: aws_db_instance.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	Types []string `json:"types,omitempty"`
}

// VariablesSource is where variables come from.
type VariablesSource struct {
	// applyRef is the name of a WorkspaceTemplateApply in the same namespace.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	ApplyRef string `json:"applyRef,omitempty"`
}

// WorkspaceTemplateApplyStatus is what is known of an instance of a template.
// +kubebuilder:validation:MinProperties=1
type WorkspaceTemplateApplyStatus struct {
	// conditions are InputsResolved, Applied, OutputsStored and their summary Ready,
	// Drifted, Deleting and Paused.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=32
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation that the status speaks of.
	// +optional
	// +kubebuilder:validation:Minimum=1
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// workspaceName is the name under which the state is kept: the Secret
	// tfstate-default-<workspaceName>.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	WorkspaceName string `json:"workspaceName,omitempty"`

	// inputsDigest is the digest of the present inputs.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	InputsDigest string `json:"inputsDigest,omitempty"`

	// outputs are the outputs that are no secret, as a JSON object, at most
	// 16 KiB; names that do not fit are left out.
	// +optional
	Outputs *apiextensionsv1.JSON `json:"outputs,omitempty"`

	// outputsSecretName is the Secret that holds all outputs as
	// `tofu output -json` prints them, under the key outputs.json.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	OutputsSecretName string `json:"outputsSecretName,omitempty"`

	// plan counts what the last plan wanted to change. One that only looked for
	// drift does not count.
	// +optional
	Plan PlanSummary `json:"plan,omitempty,omitzero"`

	// lastRun is the name of the latest WorkspaceRun that applies or destroys.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	LastRun string `json:"lastRun,omitempty"`

	// lastHandledApplyRequest is the value of the annotation
	// infrastructure.cluster.x-k8s.io/apply-requested-at for which a run has
	// ended, well or not.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	LastHandledApplyRequest string `json:"lastHandledApplyRequest,omitempty"`

	// lastAppliedTime is when the last successful run ended.
	// +optional
	LastAppliedTime metav1.Time `json:"lastAppliedTime,omitempty,omitzero"`
}

// PlanSummary counts what a plan wants to change.
// +kubebuilder:validation:MinProperties=1
type PlanSummary struct {
	// digest is what an approval of the plan names. It is made from the
	// addresses, actions and reasons of the changes, from the digest of the inputs
	// and from the version of the state.
	// +optional
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	Digest string `json:"digest,omitempty"`

	// time is when the plan was made.
	// +optional
	Time metav1.Time `json:"time,omitempty,omitzero"`

	// add is the number of resources to be created.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Add *int32 `json:"add,omitempty"`

	// change is the number of resources to be updated in place.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Change *int32 `json:"change,omitempty"`

	// destroy is the number of resources to be deleted.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Destroy *int32 `json:"destroy,omitempty"`

	// replace is the number of resources to be deleted and created anew. They
	// are counted neither by add nor by destroy.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Replace *int32 `json:"replace,omitempty"`
}

// ChangesResources tells whether the plan changes anything but outputs.
func (p PlanSummary) ChangesResources() bool {
	for _, n := range []*int32{p.Add, p.Change, p.Destroy, p.Replace} {
		if n != nil && *n > 0 {
			return true
		}
	}
	return false
}

// WorkspaceTemplateApply is one instance of a WorkspaceTemplate: the wanted
// state of a piece of infrastructure.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=workspacetemplateapplies,singular=workspacetemplateapply,shortName=wtapply,scope=Namespaced,categories={cluster-api,capt}
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:metadata:labels="cluster.x-k8s.io/v1beta2=v1beta1"
// +kubebuilder:printcolumn:name="Template",type="string",JSONPath=".spec.templateRef.name",description="The WorkspaceTemplate"
// +kubebuilder:printcolumn:name="Ready",type="string",JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="The infrastructure is as wanted and its outputs are stored"
// +kubebuilder:printcolumn:name="Reason",type="string",JSONPath=`.status.conditions[?(@.type=="Applied")].reason`,description="How the last run went"
// +kubebuilder:printcolumn:name="Drifted",type="string",JSONPath=`.status.conditions[?(@.type=="Drifted")].status`,description="Somebody else has changed the infrastructure"
// +kubebuilder:printcolumn:name="Last Run",type="string",JSONPath=".status.lastRun",description="The latest WorkspaceRun"
// +kubebuilder:printcolumn:name="Last Applied",type="date",JSONPath=".status.lastAppliedTime",description="Time since the last successful run"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp",description="Time since creation"
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 200",message="the name may have at most 200 characters, so that the names of its runs and Secrets fit"
type WorkspaceTemplateApply struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the wanted instance.
	// +required
	Spec WorkspaceTemplateApplySpec `json:"spec,omitempty,omitzero"`

	// status is what is known of it.
	// +optional
	Status WorkspaceTemplateApplyStatus `json:"status,omitempty,omitzero"`
}

// GetConditions returns the conditions of the object.
func (a *WorkspaceTemplateApply) GetConditions() []metav1.Condition { return a.Status.Conditions }

// SetConditions replaces the conditions of the object.
func (a *WorkspaceTemplateApply) SetConditions(conditions []metav1.Condition) {
	a.Status.Conditions = conditions
}

// maxApplyRequest is how much of a request counts, in bytes.
const maxApplyRequest = 256

// ApplyRequest is what the annotation apply-requested-at asks for, as far as it
// counts; "" if it does not ask.
func (a *WorkspaceTemplateApply) ApplyRequest() string {
	request := a.Annotations[ApplyRequestAnnotation]
	return strings.ToValidUTF8(request[:min(len(request), maxApplyRequest)], "")
}

// WorkspaceTemplateApplyList is a list of WorkspaceTemplateApplies.
//
// +kubebuilder:object:root=true
type WorkspaceTemplateApplyList struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard list's metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	// items are the WorkspaceTemplateApplies.
	Items []WorkspaceTemplateApply `json:"items"`
}
