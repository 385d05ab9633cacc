package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// CAPTNoBootstrapTemplate is what a ClusterClass refers to as the bootstrap of a
// class of MachinePools, to have CAPTNoBootstraps made. There is nothing to say in
// it.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=captnobootstraptemplates,scope=Namespaced,categories={cluster-api,capt}
// +kubebuilder:storageversion
// +kubebuilder:metadata:labels="cluster.x-k8s.io/v1beta2=v1beta1"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp",description="Time since creation"
type CAPTNoBootstrapTemplate struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`
}

// CAPTNoBootstrapTemplateList is a list of CAPTNoBootstrapTemplates.
//
// +kubebuilder:object:root=true
type CAPTNoBootstrapTemplateList struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard list's metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	// items are the CAPTNoBootstrapTemplates.
	Items []CAPTNoBootstrapTemplate `json:"items"`
}
