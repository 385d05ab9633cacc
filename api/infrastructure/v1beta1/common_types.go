package v1beta1

// Names that every object made by CAPT carries.
const (
	// WorkspaceLabel holds the name of the WorkspaceTemplateApply that an
	// object belongs to.
	WorkspaceLabel = "infrastructure.cluster.x-k8s.io/workspace"

	// InputsDigestAnnotation holds, on the Secret of a workspace's outputs, the
	// digest of the inputs that they were made from.
	InputsDigestAnnotation = "infrastructure.cluster.x-k8s.io/inputs-digest"

	// ApplyRequestAnnotation on a WorkspaceTemplateApply asks for its module to
	// be applied again although its inputs have not changed: once for each new
	// value, of which the first 256 bytes count. A time (RFC 3339) is usual. On
	// the Secret of the outputs it is the last value that was complied with.
	ApplyRequestAnnotation = "infrastructure.cluster.x-k8s.io/apply-requested-at"

	// StateLineageAnnotation holds, on the Secret of a workspace's outputs, the
	// lineage of the state that they come from. As long as it is there, a state
	// that is missing, or another one, is refused.
	StateLineageAnnotation = "infrastructure.cluster.x-k8s.io/state-lineage"

	// StateKeptAnnotation on a WorkspaceTemplateApply says that there was a state of
	// its infrastructure. As long as it is there, nothing is made anew when state
	// and outputs are both missing: they were left behind by a move or a restore.
	StateKeptAnnotation = "infrastructure.cluster.x-k8s.io/state-kept"

	// RestoreStateAnnotation on the Secret of a workspace's state asks the next
	// run to go back to an earlier version of the state before it plans. Its
	// value is the number of the version.
	RestoreStateAnnotation = "infrastructure.cluster.x-k8s.io/restore-state"
)

// WorkspaceTemplateReference names a WorkspaceTemplate.
type WorkspaceTemplateReference struct {
	// name of the WorkspaceTemplate.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// namespace of the WorkspaceTemplate; by default that of the object that
	// refers to it. A template in another namespace must list this one in its
	// spec.allowedNamespaces.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`
}

// LocalReference names an object in the same namespace.
type LocalReference struct {
	// name of the object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// namespace of the object. It must be the namespace of the object that
	// refers to it, and may as well be left out; another one is refused with
	// the condition reason ReferenceNotAllowed.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`
}

// KeyReference names one key of a ConfigMap or Secret in the namespace of the
// WorkspaceTemplateApply.
type KeyReference struct {
	// name of the ConfigMap or Secret. `${name}` is replaced by the variable of
	// that name of the WorkspaceTemplateApply.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// namespace of the ConfigMap or Secret. It must be the namespace of the
	// WorkspaceTemplateApply, and may as well be left out; another one is
	// refused with the condition reason ReferenceNotAllowed.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`

	// key within the ConfigMap or Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key,omitempty"`
}
