package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// CAPTNoBootstrapStatus is what the contract of Cluster API wants of bootstrap
// data: that it is there, and in which Secret.
// +kubebuilder:validation:MinProperties=1
type CAPTNoBootstrapStatus struct {
	// initialization says that nothing has to be waited for.
	// +optional
	Initialization CAPTNoBootstrapInitializationStatus `json:"initialization,omitempty,omitzero"`

	// dataSecretName is the name of the Secret with the bootstrap data. It is
	// empty: there is none.
	// +optional
	// +kubebuilder:validation:MaxLength=0
	DataSecretName *string `json:"dataSecretName,omitempty"`
}

// CAPTNoBootstrapInitializationStatus is the contract's `status.initialization`.
// +kubebuilder:validation:MinProperties=1
type CAPTNoBootstrapInitializationStatus struct {
	// dataSecretCreated is always true.
	// +optional
	DataSecretCreated *bool `json:"dataSecretCreated,omitempty"`
}

// CAPTNoBootstrap is the bootstrap configuration of a MachinePool whose machines
// need no bootstrap data, because what makes them lets them join. A MachinePool
// made by hand says that with `dataSecretName: ""`; one of a ClusterClass must
// refer to an object, and this is it. It has no controller: the API server itself
// gives it the status that Cluster API waits for.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=captnobootstraps,scope=Namespaced,categories={cluster-api,capt}
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:metadata:labels="cluster.x-k8s.io/v1beta2=v1beta1"
// +kubebuilder:printcolumn:name="Cluster",type="string",JSONPath=`.metadata.labels['cluster\.x-k8s\.io/cluster-name']`,description="Cluster"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp",description="Time since creation"
type CAPTNoBootstrap struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// status is the same for all, and there from the beginning.
	// +optional
	// +default={"initialization": {"dataSecretCreated": true}, "dataSecretName": ""}
	Status CAPTNoBootstrapStatus `json:"status,omitempty,omitzero"`
}

// CAPTNoBootstrapList is a list of CAPTNoBootstraps.
//
// +kubebuilder:object:root=true
type CAPTNoBootstrapList struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard list's metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	// items are the CAPTNoBootstraps.
	Items []CAPTNoBootstrap `json:"items"`
}
