package v1beta1

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// Conditions of a CAPTControlPlane.
const (
	// WorkspaceReadyCondition is true when the module has made the control plane.
	WorkspaceReadyCondition = "WorkspaceReady"

	// EndpointAvailableCondition is true when it is known where the API server
	// answers.
	EndpointAvailableCondition = "EndpointAvailable"

	// KubeconfigReadyCondition is true when the kubeconfig Secrets hold a
	// kubeconfig that was found good.
	KubeconfigReadyCondition = "KubeconfigReady"

	// ConnectedCondition is true when the API server knew the published
	// credential the last time it was asked, or is not to be asked.
	ConnectedCondition = "Connected"

	// AvailableCondition sums up the others.
	AvailableCondition = "Available"
)

// ControlPlaneFinalizer keeps a CAPTControlPlane until what it made is gone.
const ControlPlaneFinalizer = "controlplane.cluster.x-k8s.io/captcontrolplane"

// CAPTControlPlaneSpec is the wanted control plane.
// +kubebuilder:validation:XValidation:rule="has(self.workspaceTemplateRef) || has(self.workspaceTemplateApplyName)",message="workspaceTemplateRef or workspaceTemplateApplyName must be set"
// +kubebuilder:validation:XValidation:rule="(has(self.kubeconfig) && has(self.kubeconfig.clusterRole) ? self.kubeconfig.clusterRole : 'cluster-admin') == (has(oldSelf.kubeconfig) && has(oldSelf.kubeconfig.clusterRole) ? oldSelf.kubeconfig.clusterRole : 'cluster-admin')",message="kubeconfig.clusterRole cannot be changed: the ServiceAccount is bound to it"
// +kubebuilder:validation:XValidation:rule="has(self.workspaceTemplateRef) == has(oldSelf.workspaceTemplateRef)",message="workspaceTemplateRef cannot be added or removed: the infrastructure made before would be left behind"
// +kubebuilder:validation:XValidation:rule="has(self.workspaceTemplateApplyName) == has(oldSelf.workspaceTemplateApplyName) && (!has(self.workspaceTemplateApplyName) || self.workspaceTemplateApplyName == oldSelf.workspaceTemplateApplyName)",message="workspaceTemplateApplyName cannot be changed, added or removed: the infrastructure made before would be left behind"
type CAPTControlPlaneSpec struct {
	// version is the wanted Kubernetes version, passed to the module as it
	// stands here, as the variable `kubernetes_version`.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^v?[0-9]+\.[0-9]+(\.[0-9]+)?([-+][0-9A-Za-z][0-9A-Za-z.+-]*)?$`
	Version string `json:"version,omitempty"`

	// controlPlaneEndpoint is where the API server answers. It is set from the
	// module's outputs unless it is given.
	// +optional
	ControlPlaneEndpoint clusterv1.APIEndpoint `json:"controlPlaneEndpoint,omitempty,omitzero"`

	ModuleSpec `json:",inline"`

	// workspaceTemplateApplyName is the name of the WorkspaceTemplateApply, in
	// the same namespace, that makes the control plane. Without
	// workspaceTemplateRef it must exist already and is used as it is: its spec is
	// not changed nor the object deleted; a renewal of the credential annotates it.
	// With workspaceTemplateRef, as CAPT 0.3 wrote it, it
	// is made from that template under this name; the default is then
	// `<name of this object>-control-plane`.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	WorkspaceTemplateApplyName string `json:"workspaceTemplateApplyName,omitempty"`
}

// ModuleSpec is the part of a control plane that a ClusterClass may give.
type ModuleSpec struct {
	// workspaceTemplateRef names the template of the module that makes the
	// control plane.
	// +optional
	WorkspaceTemplateRef *infrav1.WorkspaceTemplateReference `json:"workspaceTemplateRef,omitempty"`

	// variables for the module, as in a WorkspaceTemplateApply.
	// +optional
	// +kubebuilder:validation:MaxProperties=256
	Variables map[string]string `json:"variables,omitempty"`

	// values for the module, as in a WorkspaceTemplateApply.
	// +optional
	// +mapType=atomic
	// +kubebuilder:validation:MaxProperties=256
	Values map[string]apiextensionsv1.JSON `json:"values,omitempty"`

	// outputs maps names of the module contract (kubeconfig, endpoint,
	// cluster_ca_certificate, client_certificate, client_key, token,
	// kubernetes_version, kubeconfig_expiration) to outputs of the module, for a
	// module that names them otherwise. A value is the name of an output or a path into one:
	// `kube_config[0].raw_config`.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	Outputs map[string]string `json:"outputs,omitempty"`

	// kubeconfig says how the published kubeconfig is made and looked after.
	// +optional
	Kubeconfig *KubeconfigSpec `json:"kubeconfig,omitempty"`

	// controlPlaneConfig holds settings of managed control planes.
	// +optional
	ControlPlaneConfig *ControlPlaneConfig `json:"controlPlaneConfig,omitempty"`

	// additionalTags are passed to the module as the variable `tags`.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	AdditionalTags map[string]string `json:"additionalTags,omitempty"`
}

// CredentialPolicy says which credential is published.
// +kubebuilder:validation:Enum=Auto;Outputs;ServiceAccountToken
type CredentialPolicy string

const (
	// CredentialAuto is Outputs if the module's credential lives for more than 7
	// days, or does not end, or if the API server is not to be asked; else
	// ServiceAccountToken.
	CredentialAuto CredentialPolicy = "Auto"
	// CredentialOutputs publishes what the module gives. Before half of its life
	// is over the module is applied again, so that it makes a new one.
	CredentialOutputs CredentialPolicy = "Outputs"
	// CredentialServiceAccountToken publishes tokens of a ServiceAccount that
	// CAPT makes in the workload cluster with the module's credential.
	CredentialServiceAccountToken CredentialPolicy = "ServiceAccountToken"
)

// VerifyPolicy says whether a kubeconfig is tried.
// +kubebuilder:validation:Enum=Connect;Static
type VerifyPolicy string

const (
	// VerifyConnect asks the API server.
	VerifyConnect VerifyPolicy = "Connect"
	// VerifyStatic asks nobody.
	VerifyStatic VerifyPolicy = "Static"
)

// InsecurePolicy says what becomes of a kubeconfig that skips the verification
// of the server's certificate.
// +kubebuilder:validation:Enum=Refuse;Allow
type InsecurePolicy string

const (
	// InsecureRefuse does not publish it.
	InsecureRefuse InsecurePolicy = "Refuse"
	// InsecureAllow publishes it as it is: whoever can answer in the API server's
	// place gets the credential.
	InsecureAllow InsecurePolicy = "Allow"
)

// DefaultClusterRole is bound to the ServiceAccount unless another is named.
const DefaultClusterRole = "cluster-admin"

// KubeconfigSpec says how the published kubeconfig is made and looked after.
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!(has(self.verify) && self.verify == 'Static' && has(self.credential) && self.credential == 'ServiceAccountToken')",message="credential ServiceAccountToken needs an API server that can be asked: verify must not be Static"
type KubeconfigSpec struct {
	// credential says which credential is published; default Auto.
	// +optional
	Credential CredentialPolicy `json:"credential,omitempty"`

	// verify says whether the API server is asked with the kubeconfig; default
	// Connect. Static is for an endpoint that the management cluster cannot
	// reach: the control plane then counts as initialized when its kubeconfig is
	// published.
	// +optional
	Verify VerifyPolicy `json:"verify,omitempty"`

	// clusterRole is the name of the ClusterRole in the workload cluster that the
	// ServiceAccount is bound to; default cluster-admin. It cannot be changed.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	ClusterRole string `json:"clusterRole,omitempty"`

	// tokenLifetime is how long a token of the ServiceAccount is asked to live,
	// at least 10m; default 24h. The API server may shorten it. Each token is
	// renewed when half of the life it got is over.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('10m') && duration(self) <= duration('8760h')",message="tokenLifetime must be between 10m and 8760h"
	TokenLifetime *metav1.Duration `json:"tokenLifetime,omitempty"`

	// insecureSkipTLSVerify says what becomes of a module's kubeconfig that has
	// insecure-skip-tls-verify; default Refuse.
	// +optional
	InsecureSkipTLSVerify InsecurePolicy `json:"insecureSkipTLSVerify,omitempty"`
}

// ControlPlaneConfig holds settings of managed control planes, each passed to
// the module as a variable if the module declares it.
// +kubebuilder:validation:MinProperties=1
type ControlPlaneConfig struct {
	// region is passed as the variable `region`.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Region string `json:"region,omitempty"`

	// endpointAccess says from where the API server can be reached.
	// +optional
	EndpointAccess *EndpointAccess `json:"endpointAccess,omitempty"`

	// addons are passed as the variable `addons`: a list of objects with name,
	// version and configuration_values.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	Addons []Addon `json:"addons,omitempty"`

	// timeouts is accepted because control planes of CAPT 0.3 have it. It has no
	// effect: nothing is given up because it takes long.
	// +optional
	Timeouts *Timeouts `json:"timeouts,omitempty"`
}

// Timeouts are those of CAPT 0.3.
type Timeouts struct {
	// controlPlaneTimeout is in minutes.
	// +optional
	// +kubebuilder:validation:Minimum=1
	ControlPlaneTimeout int32 `json:"controlPlaneTimeout,omitempty"`

	// vpcReadyTimeout is in minutes.
	// +optional
	// +kubebuilder:validation:Minimum=1
	VPCReadyTimeout int32 `json:"vpcReadyTimeout,omitempty"`
}

// EndpointAccess says from where the API server can be reached.
type EndpointAccess struct {
	// public is passed as the variable `endpoint_public_access`.
	// +optional
	Public *bool `json:"public,omitempty"`

	// private is passed as the variable `endpoint_private_access`.
	// +optional
	Private *bool `json:"private,omitempty"`

	// publicCIDRs is passed as the variable `endpoint_public_access_cidrs`.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=64
	PublicCIDRs []string `json:"publicCIDRs,omitempty"`
}

// Addon is an add-on of a managed control plane.
type Addon struct {
	// name of the add-on.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Name string `json:"name,omitempty"`

	// version of the add-on; by default the module chooses.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Version string `json:"version,omitempty"`

	// configurationValues is the configuration of the add-on.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=65536
	ConfigurationValues string `json:"configurationValues,omitempty"`
}

// CAPTControlPlaneStatus is what is known of the control plane.
// +kubebuilder:validation:MinProperties=1
type CAPTControlPlaneStatus struct {
	// conditions are WorkspaceReady, EndpointAvailable, KubeconfigReady, Connected
	// and their summary Available, RollingOut, Deleting and Paused.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=32
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation that the status speaks of.
	// +optional
	// +kubebuilder:validation:Minimum=1
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// initialization says whether the API server has answered.
	// +optional
	Initialization CAPTControlPlaneInitializationStatus `json:"initialization,omitempty,omitzero"`

	// externalManagedControlPlane is always true: there are no Machines for the
	// control plane.
	// +optional
	ExternalManagedControlPlane *bool `json:"externalManagedControlPlane,omitempty"`

	// version is the Kubernetes version that runs, from the module's output
	// `kubernetes_version` or from the API server.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Version string `json:"version,omitempty"`

	// versions holds the version that runs.
	// +optional
	// +listType=map
	// +listMapKey=version
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=100
	Versions []clusterv1.StatusVersion `json:"versions,omitempty"`

	// kubeconfig describes what was published.
	// +optional
	Kubeconfig KubeconfigStatus `json:"kubeconfig,omitempty,omitzero"`
}

// CAPTControlPlaneInitializationStatus is the contract's `status.initialization`.
// +kubebuilder:validation:MinProperties=1
type CAPTControlPlaneInitializationStatus struct {
	// controlPlaneInitialized is true once the API server has answered to the
	// published kubeconfig; it never goes back.
	// +optional
	ControlPlaneInitialized *bool `json:"controlPlaneInitialized,omitempty"`
}

// PublishedCredential says where a published credential comes from.
// +kubebuilder:validation:Enum=Outputs;ServiceAccountToken;UserProvided
type PublishedCredential string

const (
	// PublishedOutputs comes from the module.
	PublishedOutputs PublishedCredential = "Outputs"
	// PublishedServiceAccountToken comes from the workload cluster.
	PublishedServiceAccountToken PublishedCredential = "ServiceAccountToken"
	// PublishedUserProvided comes from a user.
	PublishedUserProvided PublishedCredential = "UserProvided"
)

// KubeconfigStatus describes a published kubeconfig.
// +kubebuilder:validation:MinProperties=1
type KubeconfigStatus struct {
	// secretName is the Secret that Cluster API reads.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	SecretName string `json:"secretName,omitempty"`

	// credential is what is published: what the module gave (Outputs), a token of
	// the ServiceAccount that CAPT made (ServiceAccountToken), or what a user put
	// into the Secret (UserProvided).
	// +optional
	Credential PublishedCredential `json:"credential,omitempty"`

	// expirationTime is when the credential ends; unset if it does not, or if
	// it does not say.
	// +optional
	ExpirationTime metav1.Time `json:"expirationTime,omitempty,omitzero"`

	// renewalTime is when the credential is to be renewed: half of its life is
	// over then.
	// +optional
	RenewalTime metav1.Time `json:"renewalTime,omitempty,omitzero"`
}

// CAPTControlPlane is a Kubernetes control plane made by a module. It ends with
// the Secret `<Cluster>-kubeconfig`.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=captcontrolplanes,shortName=captcp,scope=Namespaced,categories={cluster-api,capt}
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:metadata:labels="cluster.x-k8s.io/v1beta2=v1beta1"
// +kubebuilder:printcolumn:name="Cluster",type="string",JSONPath=`.metadata.labels['cluster\.x-k8s\.io/cluster-name']`,description="Cluster"
// +kubebuilder:printcolumn:name="Available",type="string",JSONPath=`.status.conditions[?(@.type=="Available")].status`,description="The control plane is available"
// +kubebuilder:printcolumn:name="Kubeconfig",type="string",JSONPath=`.status.conditions[?(@.type=="KubeconfigReady")].reason`,description="How the kubeconfig Secret stands"
// +kubebuilder:printcolumn:name="Initialized",type="boolean",JSONPath=".status.initialization.controlPlaneInitialized",description="The API server has answered"
// +kubebuilder:printcolumn:name="Endpoint",type="string",JSONPath=".spec.controlPlaneEndpoint.host",description="Where the API server answers"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp",description="Time since creation"
// +kubebuilder:printcolumn:name="Version",type="string",JSONPath=".status.version",description="Kubernetes version that runs"
// +kubebuilder:printcolumn:name="Credential",type="string",priority=1,JSONPath=".status.kubeconfig.credential",description="Where the published credential comes from"
// +kubebuilder:printcolumn:name="Expires",type="string",priority=1,JSONPath=".status.kubeconfig.expirationTime",description="When the published credential ends"
// +kubebuilder:printcolumn:name="Connected",type="string",priority=1,JSONPath=`.status.conditions[?(@.type=="Connected")].status`,description="The API server knew the published credential"
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 180",message="the name may have at most 180 characters, so that the names made from it fit"
type CAPTControlPlane struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the wanted control plane.
	// +required
	Spec CAPTControlPlaneSpec `json:"spec,omitempty,omitzero"`

	// status is what is known of it.
	// +optional
	Status CAPTControlPlaneStatus `json:"status,omitempty,omitzero"`
}

// GetConditions returns the conditions of the object.
func (c *CAPTControlPlane) GetConditions() []metav1.Condition { return c.Status.Conditions }

// SetConditions replaces the conditions of the object.
func (c *CAPTControlPlane) SetConditions(conditions []metav1.Condition) {
	c.Status.Conditions = conditions
}

// CAPTControlPlaneList is a list of CAPTControlPlanes.
//
// +kubebuilder:object:root=true
type CAPTControlPlaneList struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard list's metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	// items are the CAPTControlPlanes.
	Items []CAPTControlPlane `json:"items"`
}
