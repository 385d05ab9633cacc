package v1beta1

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
)

// Conditions of a CAPTCluster.
const (
	// InfrastructureReadyCondition is true when the module has made the
	// infrastructure, or when it exists already.
	InfrastructureReadyCondition = "InfrastructureReady"
)

// ClusterFinalizer keeps a CAPTCluster until its infrastructure is gone.
const ClusterFinalizer = "infrastructure.cluster.x-k8s.io/captcluster"

// CAPTClusterSpec is the infrastructure that a cluster stands on.
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="[has(self.vpcTemplateRef), has(self.workspaceTemplateRef), has(self.existingVpcId)].filter(x, x).size() == 1",message="exactly one of workspaceTemplateRef, vpcTemplateRef and existingVpcId must be set"
// +kubebuilder:validation:XValidation:rule="has(self.existingVpcId) == has(oldSelf.existingVpcId)",message="existingVpcId cannot be added or removed: the infrastructure made before would be left behind"
type CAPTClusterSpec struct {
	// region is passed to the module as the variable `region`.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Region string `json:"region,omitempty"`

	// workspaceTemplateRef names the template of the module that makes the
	// infrastructure.
	// +optional
	WorkspaceTemplateRef *WorkspaceTemplateReference `json:"workspaceTemplateRef,omitempty"`

	// vpcTemplateRef is the same as workspaceTemplateRef. (The name is CAPT
	// 0.3's.)
	// +optional
	VPCTemplateRef *WorkspaceTemplateReference `json:"vpcTemplateRef,omitempty"`

	// existingVpcId is the ID of a VPC that exists already; no module is run.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	ExistingVPCID string `json:"existingVpcId,omitempty"`

	// vpcConfig describes the VPC to the module.
	// +optional
	VPCConfig VPCConfig `json:"vpcConfig,omitempty,omitzero"`

	// retainVpcOnDelete leaves the infrastructure and its state when this
	// object is deleted; default false.
	// +optional
	RetainVPCOnDelete *bool `json:"retainVpcOnDelete,omitempty"`

	// variables for the module, as in a WorkspaceTemplateApply.
	// +optional
	// +kubebuilder:validation:MaxProperties=256
	Variables map[string]string `json:"variables,omitempty"`

	// values for the module, as in a WorkspaceTemplateApply.
	// +optional
	// +mapType=atomic
	// +kubebuilder:validation:MaxProperties=256
	Values map[string]apiextensionsv1.JSON `json:"values,omitempty"`

	// controlPlaneEndpoint is where the API server answers, when the
	// infrastructure decides it: from the output `control_plane_endpoint`.
	// +optional
	ControlPlaneEndpoint clusterv1.APIEndpoint `json:"controlPlaneEndpoint,omitempty,omitzero"`
}

// VPCConfig describes a VPC to the module.
// +kubebuilder:validation:MinProperties=1
type VPCConfig struct {
	// name is passed to the module as the variable `vpc_name`; by default
	// `<name of the Cluster>-vpc`.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Name string `json:"name,omitempty"`
}

// CAPTClusterStatus is what is known of the infrastructure.
// +kubebuilder:validation:MinProperties=1
type CAPTClusterStatus struct {
	// conditions are InfrastructureReady and its summary Ready, Deleting and Paused.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=32
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation that the status speaks of.
	// +optional
	// +kubebuilder:validation:Minimum=1
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// initialization says whether the infrastructure has been made.
	// +optional
	Initialization CAPTClusterInitializationStatus `json:"initialization,omitempty,omitzero"`

	// vpcId is existingVpcId, or the module's output `vpc_id` if it has one.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	VPCID string `json:"vpcId,omitempty"`

	// failureDomains are the module's output `failure_domains` if it has one.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=100
	FailureDomains []clusterv1.FailureDomain `json:"failureDomains,omitempty"`
}

// CAPTClusterInitializationStatus is the contract's `status.initialization`.
// +kubebuilder:validation:MinProperties=1
type CAPTClusterInitializationStatus struct {
	// provisioned is true once the infrastructure has been made; it never goes
	// back.
	// +optional
	Provisioned *bool `json:"provisioned,omitempty"`
}

// CAPTCluster is the infrastructure of a Cluster, made by a module.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=captclusters,shortName=captc,scope=Namespaced,categories={cluster-api,capt}
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:metadata:labels="cluster.x-k8s.io/v1beta2=v1beta1"
// +kubebuilder:printcolumn:name="Cluster",type="string",JSONPath=`.metadata.labels['cluster\.x-k8s\.io/cluster-name']`,description="Cluster"
// +kubebuilder:printcolumn:name="Ready",type="string",JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="The infrastructure is ready"
// +kubebuilder:printcolumn:name="Reason",type="string",JSONPath=`.status.conditions[?(@.type=="InfrastructureReady")].reason`,description="Why it is, or is not"
// +kubebuilder:printcolumn:name="Provisioned",type="boolean",JSONPath=".status.initialization.provisioned",description="The infrastructure has been made"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp",description="Time since creation"
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 180",message="the name may have at most 180 characters, so that the names made from it fit"
type CAPTCluster struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the wanted infrastructure.
	// +required
	Spec CAPTClusterSpec `json:"spec,omitempty,omitzero"`

	// status is what is known of it.
	// +optional
	Status CAPTClusterStatus `json:"status,omitempty,omitzero"`
}

// GetConditions returns the conditions of the object.
func (c *CAPTCluster) GetConditions() []metav1.Condition { return c.Status.Conditions }

// SetConditions replaces the conditions of the object.
func (c *CAPTCluster) SetConditions(conditions []metav1.Condition) {
	c.Status.Conditions = conditions
}

// CAPTClusterList is a list of CAPTClusters.
//
// +kubebuilder:object:root=true
type CAPTClusterList struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard list's metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	// items are the CAPTClusters.
	Items []CAPTCluster `json:"items"`
}
