package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
)

// CAPTControlPlaneTemplateSpec holds what CAPTControlPlanes are made from.
type CAPTControlPlaneTemplateSpec struct {
	// template is what a CAPTControlPlane is made from.
	// +required
	Template CAPTControlPlaneTemplateResource `json:"template,omitempty,omitzero"`
}

// CAPTControlPlaneTemplateResource is what a CAPTControlPlane is made from.
type CAPTControlPlaneTemplateResource struct {
	// metadata of the CAPTControlPlanes.
	// +optional
	ObjectMeta clusterv1.ObjectMeta `json:"metadata,omitempty,omitzero"`

	// spec of the CAPTControlPlanes. The version and the endpoint are missing:
	// they belong to one Cluster.
	// +required
	Spec CAPTControlPlaneTemplateResourceSpec `json:"spec,omitempty,omitzero"`
}

// CAPTControlPlaneTemplateResourceSpec is the part of a control plane that does
// not belong to one Cluster.
// +kubebuilder:validation:XValidation:rule="has(self.workspaceTemplateRef)",message="workspaceTemplateRef must be set"
type CAPTControlPlaneTemplateResourceSpec struct {
	ModuleSpec `json:",inline"`
}

// CAPTControlPlaneTemplate is what a ClusterClass makes CAPTControlPlanes from.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=captcontrolplanetemplates,scope=Namespaced,categories={cluster-api,capt}
// +kubebuilder:storageversion
// +kubebuilder:metadata:labels="cluster.x-k8s.io/v1beta2=v1beta1"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp",description="Time since creation"
type CAPTControlPlaneTemplate struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec holds what CAPTControlPlanes are made from.
	// +required
	Spec CAPTControlPlaneTemplateSpec `json:"spec,omitempty,omitzero"`
}

// CAPTControlPlaneTemplateList is a list of CAPTControlPlaneTemplates.
//
// +kubebuilder:object:root=true
type CAPTControlPlaneTemplateList struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard list's metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	// items are the CAPTControlPlaneTemplates.
	Items []CAPTControlPlaneTemplate `json:"items"`
}
