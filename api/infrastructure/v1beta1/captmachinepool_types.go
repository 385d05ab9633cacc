package v1beta1

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Conditions of a CAPTMachinePool.
const (
	// WorkspaceReadyCondition is true when the module has made the node group as
	// it is wanted now.
	WorkspaceReadyCondition = "WorkspaceReady"

	// ProviderIDsAvailableCondition is true when the module has told which
	// machines there are.
	ProviderIDsAvailableCondition = "ProviderIDsAvailable"
)

// MachinePoolFinalizer keeps a CAPTMachinePool until its node group is gone.
const MachinePoolFinalizer = "infrastructure.cluster.x-k8s.io/captmachinepool"

// CAPTMachinePoolSpec is the wanted node group.
type CAPTMachinePoolSpec struct {
	MachinePoolModuleSpec `json:",inline"`

	// providerIDList are the provider IDs of the machines that there are, sorted.
	// It is set from the module's output `provider_id_list`.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10000
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=512
	ProviderIDList []string `json:"providerIDList,omitempty"`
}

// MachinePoolModuleSpec is the part of a node group that a ClusterClass may give.
type MachinePoolModuleSpec struct {
	// workspaceTemplateRef names the template of the module that makes the node
	// group.
	// +required
	WorkspaceTemplateRef WorkspaceTemplateReference `json:"workspaceTemplateRef,omitempty,omitzero"`

	// variables for the module, as in a WorkspaceTemplateApply.
	// +optional
	// +kubebuilder:validation:MaxProperties=256
	Variables map[string]string `json:"variables,omitempty"`

	// values for the module, as in a WorkspaceTemplateApply.
	// +optional
	// +mapType=atomic
	// +kubebuilder:validation:MaxProperties=256
	Values map[string]apiextensionsv1.JSON `json:"values,omitempty"`

	// additionalTags are passed to the module as the variable `tags`.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	AdditionalTags map[string]string `json:"additionalTags,omitempty"`
}

// CAPTMachinePoolStatus is what is known of the node group.
// +kubebuilder:validation:MinProperties=1
type CAPTMachinePoolStatus struct {
	// conditions are WorkspaceReady, ProviderIDsAvailable and their summary Ready,
	// Deleting and Paused.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=32
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation that the status speaks of.
	// +optional
	// +kubebuilder:validation:Minimum=1
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// initialization says whether the node group has been made.
	// +optional
	Initialization CAPTMachinePoolInitializationStatus `json:"initialization,omitempty,omitzero"`

	// ready is the same as initialization.provisioned. Cluster API v1.14 reads
	// this one, of its contract v1beta1, for machine pools of any contract.
	// +optional
	Ready *bool `json:"ready,omitempty"`

	// replicas is how many machines the node group had when the module was last
	// applied: its output `replicas`, by default the length of
	// spec.providerIDList.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Replicas *int32 `json:"replicas,omitempty"`
}

// CAPTMachinePoolInitializationStatus is the contract's `status.initialization`.
// +kubebuilder:validation:MinProperties=1
type CAPTMachinePoolInitializationStatus struct {
	// provisioned is true once the node group has been made; it never goes back.
	// +optional
	Provisioned *bool `json:"provisioned,omitempty"`
}

// CAPTMachinePool is the infrastructure of a MachinePool: a node group, made by
// a module.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=captmachinepools,shortName=captmp,scope=Namespaced,categories={cluster-api,capt}
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:metadata:labels="cluster.x-k8s.io/v1beta2=v1beta1"
// +kubebuilder:printcolumn:name="Cluster",type="string",JSONPath=`.metadata.labels['cluster\.x-k8s\.io/cluster-name']`,description="Cluster"
// +kubebuilder:printcolumn:name="Ready",type="string",JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="The node group is as wanted and its machines are known"
// +kubebuilder:printcolumn:name="Reason",type="string",JSONPath=`.status.conditions[?(@.type=="WorkspaceReady")].reason`,description="Why it is, or is not"
// +kubebuilder:printcolumn:name="Provisioned",type="boolean",JSONPath=".status.initialization.provisioned",description="The node group has been made"
// +kubebuilder:printcolumn:name="Replicas",type="integer",JSONPath=".status.replicas",description="Machines in the node group"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp",description="Time since creation"
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 180",message="the name may have at most 180 characters, so that the names made from it fit"
type CAPTMachinePool struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the wanted node group.
	// +required
	Spec CAPTMachinePoolSpec `json:"spec,omitempty,omitzero"`

	// status is what is known of it.
	// +optional
	Status CAPTMachinePoolStatus `json:"status,omitempty,omitzero"`
}

// GetConditions returns the conditions of the object.
func (p *CAPTMachinePool) GetConditions() []metav1.Condition { return p.Status.Conditions }

// SetConditions replaces the conditions of the object.
func (p *CAPTMachinePool) SetConditions(conditions []metav1.Condition) {
	p.Status.Conditions = conditions
}

// CAPTMachinePoolList is a list of CAPTMachinePools.
//
// +kubebuilder:object:root=true
type CAPTMachinePoolList struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard list's metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	// items are the CAPTMachinePools.
	Items []CAPTMachinePool `json:"items"`
}
