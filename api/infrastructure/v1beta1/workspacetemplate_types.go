package v1beta1

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ModuleSource says what spec.template.spec.forProvider.module is.
// +kubebuilder:validation:Enum=Inline;Remote
type ModuleSource string

const (
	// ModuleSourceInline means that the module's text is given.
	ModuleSourceInline ModuleSource = "Inline"
	// ModuleSourceRemote means that the module's address is given.
	ModuleSourceRemote ModuleSource = "Remote"
)

// FileFormat is the syntax of a module or a file of variables.
// +kubebuilder:validation:Enum=HCL;JSON
type FileFormat string

const (
	// FormatHCL is OpenTofu's own syntax.
	FormatHCL FileFormat = "HCL"
	// FormatJSON is OpenTofu's JSON syntax.
	FormatJSON FileFormat = "JSON"
)

// DeletionPolicy says what becomes of the infrastructure when its
// WorkspaceTemplateApply is deleted.
// +kubebuilder:validation:Enum=Delete;Orphan
type DeletionPolicy string

const (
	// DeletionDelete destroys the infrastructure.
	DeletionDelete DeletionPolicy = "Delete"
	// DeletionOrphan leaves the infrastructure and its state.
	DeletionOrphan DeletionPolicy = "Orphan"
)

// WorkspaceTemplateSpec is a module and how to feed it.
type WorkspaceTemplateSpec struct {
	// allowedNamespaces says which other namespaces may use the template. By
	// default only its own may.
	// +optional
	AllowedNamespaces AllowedNamespaces `json:"allowedNamespaces,omitempty,omitzero"`

	// writeConnectionSecretToRef is the default of the field of the same name
	// of a WorkspaceTemplateApply. `${name}` is replaced in its name.
	// +optional
	WriteConnectionSecretToRef *LocalReference `json:"writeConnectionSecretToRef,omitempty"`

	// template describes the workspace.
	// +required
	Template WorkspaceDescription `json:"template,omitempty,omitzero"`
}

// AllowedNamespaces selects namespaces; one that either field selects is allowed.
// +kubebuilder:validation:MinProperties=1
type AllowedNamespaces struct {
	// names of namespaces.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	Names []string `json:"names,omitempty"`

	// selector of namespaces by their labels. An empty selector selects all.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
}

// WorkspaceDescription is the body of a template.
type WorkspaceDescription struct {
	// metadata is for people; nothing depends on it.
	// +optional
	Metadata WorkspaceDescriptionMetadata `json:"metadata,omitempty,omitzero"`

	// spec is the module and how to feed it.
	// +required
	Spec WorkspaceDescriptionSpec `json:"spec,omitempty,omitzero"`
}

// WorkspaceDescriptionMetadata describes a template to people.
// +kubebuilder:validation:MinProperties=1
type WorkspaceDescriptionMetadata struct {
	// description in a sentence or two.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Description string `json:"description,omitempty"`

	// version of the template.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Version string `json:"version,omitempty"`

	// tags are free-form.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	Tags map[string]string `json:"tags,omitempty"`
}

// WorkspaceDescriptionSpec is the module and what happens to it on deletion.
type WorkspaceDescriptionSpec struct {
	// forProvider is the module and how to feed it. (The name is CAPT 0.3's.)
	// +required
	ForProvider ModuleSpec `json:"forProvider,omitempty,omitzero"`

	// deletionPolicy Orphan leaves the infrastructure and its state when the
	// WorkspaceTemplateApply is deleted; default Delete.
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`

	// providerConfigRef is accepted because templates of CAPT 0.3 have it. It
	// has no effect: with OpenTofu, providers are configured by the module, by
	// configuration, env and files.
	// +optional
	ProviderConfigRef *ProviderConfigReference `json:"providerConfigRef,omitempty"`
}

// ProviderConfigReference names a Crossplane ProviderConfig.
type ProviderConfigReference struct {
	// name of the ProviderConfig.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// ModuleSpec is a module and how to feed it.
//
// In the values of vars, varmap and env, in arguments, and in the names of
// ConfigMaps and Secrets, `${name}` is replaced by the variable of that name of
// the WorkspaceTemplateApply (of its values, only strings, numbers and bools)
// and `${WORKSPACE_NAME}` by the name of that object without a trailing
// "-apply"; `$${` stands for `${`. An unknown name is refused with the reason
// UnknownVariable. The module, its configuration, and what ConfigMaps and
// Secrets hold are never rewritten.
//
// A variable of the module that has a value in vars, varmap, varFiles or env
// (TF_VAR_name) is mapped: those of the WorkspaceTemplateApply do not reach it
// but through `${name}`.
type ModuleSpec struct {
	// source is Inline (module is the text) or Remote (module is an address).
	// +required
	Source ModuleSource `json:"source,omitempty"`

	// module is the text of a module, at most 256 KiB, or the address of one as
	// OpenTofu's `module` blocks take it: a registry, git, http archive, oci or
	// absolute path.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=262144
	Module string `json:"module,omitempty"`

	// inlineFormat is the syntax of an inline module; default HCL.
	// +optional
	InlineFormat FileFormat `json:"inlineFormat,omitempty"`

	// entrypoint is the sub-folder of a remote module that is run; by default,
	// and when it is empty, its root. It cannot leave the module.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('/') && !self.split('/').exists(p, p == '..')",message="entrypoint must be a relative path inside the module"
	Entrypoint *string `json:"entrypoint,omitempty"`

	// configuration is HCL that is written beside the module: provider blocks.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=262144
	Configuration string `json:"configuration,omitempty"`

	// backend is HCL of a backend block, for a state that is not to be kept in
	// Secrets: `backend "pg" {}`. It may use variables of the module, and must
	// name another place for each WorkspaceTemplateApply. Credentials belong
	// into env or files. By default the state is kept in the namespace of the
	// WorkspaceTemplateApply.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=65536
	Backend string `json:"backend,omitempty"`

	// lockFile is the content of .terraform.lock.hcl. By default the one that
	// the last successful run ended with is used again.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=262144
	LockFile string `json:"lockFile,omitempty"`

	// vars are values of the module's variables. They are read as OpenTofu
	// reads `-var`: as they are for a string, number or bool, as an HCL
	// expression for anything else. They win over varmap and varFiles.
	// +optional
	// +listType=map
	// +listMapKey=key
	// +kubebuilder:validation:MaxItems=256
	Vars []Var `json:"vars,omitempty"`

	// varmap holds typed values of the module's variables.
	// +optional
	// +kubebuilder:validation:MaxProperties=256
	Varmap map[string]apiextensionsv1.JSON `json:"varmap,omitempty"`

	// varFiles are files of variables; later ones win over earlier ones.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	VarFiles []VarFile `json:"varFiles,omitempty"`

	// env is the environment of OpenTofu and its providers, which is otherwise
	// empty. Names that OpenTofu's own working depends on (TF_CLI_ARGS,
	// TF_DATA_DIR, TF_HTTP_…, …) are refused with the reason ArgumentRefused.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=128
	Env []EnvVar `json:"env,omitempty"`

	// files are written into the working directory: credentials and the like.
	// +optional
	// +listType=map
	// +listMapKey=path
	// +kubebuilder:validation:MaxItems=64
	Files []File `json:"files,omitempty"`

	// initArgs are further arguments of `tofu init`. Arguments that would break
	// a run (-backend, -lock=false, -chdir, …) are refused with the reason
	// ArgumentRefused, here and in the other lists of arguments.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=4096
	InitArgs []string `json:"initArgs,omitempty"`

	// planArgs are further arguments of `tofu plan`.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=4096
	PlanArgs []string `json:"planArgs,omitempty"`

	// applyArgs are further arguments of `tofu apply`. What is applied is
	// always a plan, so that those about planning (-target, -var, …) are given
	// to `tofu plan`.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=4096
	ApplyArgs []string `json:"applyArgs,omitempty"`

	// destroyArgs are further arguments of `tofu plan -destroy`.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=4096
	DestroyArgs []string `json:"destroyArgs,omitempty"`

	// runner says what the pods look like that carry out runs, with the Job
	// executor. A change of it is a change of the inputs: the module is applied
	// again.
	// +optional
	Runner *RunnerSpec `json:"runner,omitempty"`
}

// Var is the value of one variable of the module.
type Var struct {
	// key is the variable's name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Key string `json:"key,omitempty"`

	// value of the variable, as text.
	// +optional
	// +kubebuilder:validation:MaxLength=65536
	Value *string `json:"value,omitempty"`
}

// VarFileSource says where a file of variables is kept.
// +kubebuilder:validation:Enum=ConfigMapKey;SecretKey
type VarFileSource string

const (
	// VarFileConfigMapKey is a key of a ConfigMap.
	VarFileConfigMapKey VarFileSource = "ConfigMapKey"
	// VarFileSecretKey is a key of a Secret.
	VarFileSecretKey VarFileSource = "SecretKey"
)

// VarFile is a file of variables.
// +kubebuilder:validation:XValidation:rule="self.source == 'ConfigMapKey' ? has(self.configMapKeyRef) && !has(self.secretKeyRef) : has(self.secretKeyRef) && !has(self.configMapKeyRef)",message="a ConfigMapKey source takes configMapKeyRef and a SecretKey source takes secretKeyRef"
type VarFile struct {
	// source is ConfigMapKey or SecretKey.
	// +required
	Source VarFileSource `json:"source,omitempty"`

	// format of the file; default HCL.
	// +optional
	Format FileFormat `json:"format,omitempty"`

	// configMapKeyRef names the key that holds the file.
	// +optional
	ConfigMapKeyRef *KeyReference `json:"configMapKeyRef,omitempty"`

	// secretKeyRef names the key that holds the file.
	// +optional
	SecretKeyRef *KeyReference `json:"secretKeyRef,omitempty"`
}

// EnvVar is one environment variable.
// +kubebuilder:validation:XValidation:rule="[has(self.value), has(self.configMapKeyRef), has(self.secretKeyRef)].filter(x, x).size() == 1",message="exactly one of value, configMapKeyRef and secretKeyRef must be set"
type EnvVar struct {
	// name of the variable.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^[A-Za-z_][A-Za-z0-9_]*$`
	Name string `json:"name,omitempty"`

	// value of the variable.
	// +optional
	// +kubebuilder:validation:MaxLength=65536
	Value *string `json:"value,omitempty"`

	// configMapKeyRef names the key that holds the value.
	// +optional
	ConfigMapKeyRef *KeyReference `json:"configMapKeyRef,omitempty"`

	// secretKeyRef names the key that holds the value.
	// +optional
	SecretKeyRef *KeyReference `json:"secretKeyRef,omitempty"`
}

// File is a file in the working directory.
// +kubebuilder:validation:XValidation:rule="has(self.configMapKeyRef) != has(self.secretKeyRef)",message="exactly one of configMapKeyRef and secretKeyRef must be set"
type File struct {
	// path of the file, relative to the working directory, which it cannot leave.
	// One that OpenTofu or CAPT uses itself (.terraform, *.tfstate, …) is refused
	// with the reason FilePathInvalid.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('/') && !self.split('/').exists(p, p == '..' || p == '.' || p == '')",message="path must be relative, and inside the working directory"
	Path string `json:"path,omitempty"`

	// configMapKeyRef names the key that holds the content.
	// +optional
	ConfigMapKeyRef *KeyReference `json:"configMapKeyRef,omitempty"`

	// secretKeyRef names the key that holds the content.
	// +optional
	SecretKeyRef *KeyReference `json:"secretKeyRef,omitempty"`
}

// WorkspaceTemplate is a module and how to feed it. It can be used many times
// and holds no state.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=workspacetemplates,shortName=wt,scope=Namespaced,categories={cluster-api,capt}
// +kubebuilder:storageversion
// +kubebuilder:metadata:labels="cluster.x-k8s.io/v1beta2=v1beta1"
// +kubebuilder:metadata:labels="clusterctl.cluster.x-k8s.io/move="
// +kubebuilder:printcolumn:name="Source",type="string",JSONPath=".spec.template.spec.forProvider.source",description="Where the module comes from"
// +kubebuilder:printcolumn:name="Version",type="string",JSONPath=".spec.template.metadata.version",description="Version of the template"
// +kubebuilder:printcolumn:name="Description",type="string",JSONPath=".spec.template.metadata.description",description="What the template makes"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp",description="Time since creation"
type WorkspaceTemplate struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the module and how to feed it.
	// +required
	Spec WorkspaceTemplateSpec `json:"spec,omitempty,omitzero"`
}

// WorkspaceTemplateList is a list of WorkspaceTemplates.
//
// +kubebuilder:object:root=true
type WorkspaceTemplateList struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard list's metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	// items are the WorkspaceTemplates.
	Items []WorkspaceTemplate `json:"items"`
}
