package v1beta1

import (
	corev1 "k8s.io/api/core/v1"
)

// RunnerSpec says what the pods look like that carry out runs. It takes effect
// with the Job executor only.
//
// Command, service account, working directory and security settings of the pod
// are not among it: they are the same for all runs.
// +kubebuilder:validation:MinProperties=1
type RunnerSpec struct {
	// image of the runner: it must have capt-runner and tofu in /usr/local/bin.
	// By default the one that the manager was started with.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Image string `json:"image,omitempty"`

	// serviceAccountAnnotations are set on the ServiceAccount of the workspace:
	// a cloud's workload identity is bound by them.
	// +optional
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=32
	ServiceAccountAnnotations map[string]string `json:"serviceAccountAnnotations,omitempty"`

	// podTemplate is added to the pods.
	// +optional
	PodTemplate RunnerPodTemplate `json:"podTemplate,omitempty,omitzero"`
}

// RunnerPodTemplate is added to the pods that carry out runs.
// +kubebuilder:validation:MinProperties=1
type RunnerPodTemplate struct {
	// metadata of the pods.
	// +optional
	Metadata RunnerPodMetadata `json:"metadata,omitempty,omitzero"`

	// spec of the pods.
	// +optional
	Spec RunnerPodSpec `json:"spec,omitempty,omitzero"`
}

// RunnerPodMetadata are labels and annotations of a pod. Those that CAPT sets
// itself cannot be changed.
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.labels) || self.labels.all(k, !k.startsWith('infrastructure.cluster.x-k8s.io/') && !k.startsWith('batch.kubernetes.io/'))",message="labels of infrastructure.cluster.x-k8s.io and batch.kubernetes.io are set by CAPT and Kubernetes"
// +kubebuilder:validation:XValidation:rule="!has(self.annotations) || self.annotations.all(k, !k.startsWith('infrastructure.cluster.x-k8s.io/') && !k.startsWith('container.seccomp.security.alpha.kubernetes.io/') && !k.startsWith('container.apparmor.security.beta.kubernetes.io/') && k != 'cluster-autoscaler.kubernetes.io/safe-to-evict' && k != 'karpenter.sh/do-not-disrupt')",message="annotations about security and eviction, and those of infrastructure.cluster.x-k8s.io, are set by CAPT"
type RunnerPodMetadata struct {
	// labels of the pods.
	// +optional
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=32
	Labels map[string]string `json:"labels,omitempty"`

	// annotations of the pods.
	// +optional
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=32
	Annotations map[string]string `json:"annotations,omitempty"`
}

// RunnerPodSpec are those fields of a pod that do not touch its security. Each
// means the same as in a Pod; volumeMounts and resources are those of the
// container that runs OpenTofu.
// +kubebuilder:validation:MinProperties=1
type RunnerPodSpec struct {
	// nodeSelector chooses nodes by their labels.
	// +optional
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=32
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`

	// affinity chooses nodes by their labels and by what runs there.
	// +optional
	Affinity *corev1.Affinity `json:"affinity,omitempty"`

	// tolerations let the pods run on nodes with taints.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`

	// priorityClassName is the priority of the pods.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	PriorityClassName string `json:"priorityClassName,omitempty"`

	// runtimeClassName is the runtime of the pods: a sandbox, say.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	RuntimeClassName string `json:"runtimeClassName,omitempty"`

	// imagePullSecrets are Secrets in the namespace of the
	// WorkspaceTemplateApply that the image is pulled with.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	ImagePullSecrets []RunnerPullSecret `json:"imagePullSecrets,omitempty"`

	// volumes that volumeMounts can name.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Volumes []RunnerVolume `json:"volumes,omitempty"`

	// volumeMounts are where volumes are found by OpenTofu.
	// +optional
	// +listType=map
	// +listMapKey=mountPath
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	VolumeMounts []RunnerVolumeMount `json:"volumeMounts,omitempty"`

	// resources of the container. By default it requests 100m of CPU, 256Mi of
	// memory and 1Gi of ephemeral-storage, and is limited to 2Gi of memory and
	// 10Gi of ephemeral-storage. A CPU limit is refused: it makes an apply slow
	// when there is time to spare.
	// +optional
	// +kubebuilder:validation:XValidation:rule="!has(self.limits) || !('cpu' in self.limits)",message="a CPU limit is not supported"
	// +kubebuilder:validation:XValidation:rule="!has(self.claims)",message="resource claims are not supported"
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`
}

// RunnerPullSecret names a Secret to pull an image with.
type RunnerPullSecret struct {
	// name of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// RunnerVolume is a volume of a kind that does not open the node to the pod.
// +kubebuilder:validation:XValidation:rule="[has(self.configMap), has(self.secret), has(self.persistentVolumeClaim), has(self.image), has(self.csi), has(self.projected)].filter(x, x).size() == 1",message="exactly one of configMap, secret, persistentVolumeClaim, image, csi and projected must be set"
type RunnerVolume struct {
	// name of the volume.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!(self in ['work', 'tmp', 'token'])",message="the names work, tmp and token are taken"
	Name string `json:"name,omitempty"`

	// configMap is a ConfigMap as files.
	// +optional
	ConfigMap *corev1.ConfigMapVolumeSource `json:"configMap,omitempty"`

	// secret is a Secret as files.
	// +optional
	Secret *corev1.SecretVolumeSource `json:"secret,omitempty"`

	// persistentVolumeClaim is a volume that is there already: a mirror of
	// providers, say.
	// +optional
	PersistentVolumeClaim *corev1.PersistentVolumeClaimVolumeSource `json:"persistentVolumeClaim,omitempty"`

	// image is an image as files.
	// +optional
	Image *corev1.ImageVolumeSource `json:"image,omitempty"`

	// csi is a volume that a CSI driver makes for each pod.
	// +optional
	CSI *corev1.CSIVolumeSource `json:"csi,omitempty"`

	// projected are files from several sources, service account tokens for other
	// audiences included.
	// +optional
	Projected *corev1.ProjectedVolumeSource `json:"projected,omitempty"`
}

// RunnerVolumeMount mounts a volume for OpenTofu to read.
type RunnerVolumeMount struct {
	// name of one of the volumes.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!(self in ['work', 'tmp', 'token'])",message="the volumes work, tmp and token are those of the run"
	Name string `json:"name,omitempty"`

	// mountPath is where the volume is found: absolute, and neither in a
	// directory of the run nor in one of the system.
	// +required
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self.startsWith('/') && !self.contains(':') && !self.split('/').exists(p, p == '..' || p == '.')",message="mountPath must be an absolute path"
	// +kubebuilder:validation:XValidation:rule="!['/work', '/tmp', '/dev', '/proc', '/sys', '/usr/local/bin', '/var/run/secrets/kubernetes.io'].exists(p, self == p || self.startsWith(p + '/') || p.startsWith(self + '/') || self.endsWith('/'))",message="mountPath must not be, hold or lie in /work, /tmp, /dev, /proc, /sys, /usr/local/bin or /var/run/secrets/kubernetes.io, and not end in /"
	MountPath string `json:"mountPath,omitempty"`

	// subPath is the path within the volume that is mounted; by default its root.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	SubPath string `json:"subPath,omitempty"`
}
