package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
)

// CAPTClusterTemplateSpec holds what CAPTClusters are made from.
type CAPTClusterTemplateSpec struct {
	// template is what a CAPTCluster is made from.
	// +required
	Template CAPTClusterTemplateResource `json:"template,omitempty,omitzero"`
}

// CAPTClusterTemplateResource is what a CAPTCluster is made from.
type CAPTClusterTemplateResource struct {
	// metadata of the CAPTClusters.
	// +optional
	ObjectMeta clusterv1.ObjectMeta `json:"metadata,omitempty,omitzero"`

	// spec of the CAPTClusters, without the endpoint: it belongs to one Cluster.
	// +required
	// +kubebuilder:validation:XValidation:rule="!has(self.controlPlaneEndpoint)",message="controlPlaneEndpoint belongs to one Cluster and cannot be in a template"
	Spec CAPTClusterSpec `json:"spec,omitempty,omitzero"`
}

// CAPTClusterTemplate is what a ClusterClass makes CAPTClusters from.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=captclustertemplates,scope=Namespaced,categories={cluster-api,capt}
// +kubebuilder:storageversion
// +kubebuilder:metadata:labels="cluster.x-k8s.io/v1beta2=v1beta1"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp",description="Time since creation"
type CAPTClusterTemplate struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec holds what CAPTClusters are made from.
	// +required
	Spec CAPTClusterTemplateSpec `json:"spec,omitempty,omitzero"`
}

// CAPTClusterTemplateList is a list of CAPTClusterTemplates.
//
// +kubebuilder:object:root=true
type CAPTClusterTemplateList struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard list's metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	// items are the CAPTClusterTemplates.
	Items []CAPTClusterTemplate `json:"items"`
}
