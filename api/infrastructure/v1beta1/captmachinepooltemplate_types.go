package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
)

// CAPTMachinePoolTemplateSpec holds what CAPTMachinePools are made from.
type CAPTMachinePoolTemplateSpec struct {
	// template is what a CAPTMachinePool is made from.
	// +required
	Template CAPTMachinePoolTemplateResource `json:"template,omitempty,omitzero"`
}

// CAPTMachinePoolTemplateResource is what a CAPTMachinePool is made from.
type CAPTMachinePoolTemplateResource struct {
	// metadata of the CAPTMachinePools.
	// +optional
	ObjectMeta clusterv1.ObjectMeta `json:"metadata,omitempty,omitzero"`

	// spec of the CAPTMachinePools. The list of provider IDs is missing: it
	// belongs to one MachinePool.
	// +required
	Spec MachinePoolModuleSpec `json:"spec,omitempty,omitzero"`
}

// CAPTMachinePoolTemplate is what a ClusterClass makes CAPTMachinePools from.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=captmachinepooltemplates,scope=Namespaced,categories={cluster-api,capt}
// +kubebuilder:storageversion
// +kubebuilder:metadata:labels="cluster.x-k8s.io/v1beta2=v1beta1"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp",description="Time since creation"
type CAPTMachinePoolTemplate struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec holds what CAPTMachinePools are made from.
	// +required
	Spec CAPTMachinePoolTemplateSpec `json:"spec,omitempty,omitzero"`
}

// CAPTMachinePoolTemplateList is a list of CAPTMachinePoolTemplates.
//
// +kubebuilder:object:root=true
type CAPTMachinePoolTemplateList struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard list's metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	// items are the CAPTMachinePoolTemplates.
	Items []CAPTMachinePoolTemplate `json:"items"`
}
