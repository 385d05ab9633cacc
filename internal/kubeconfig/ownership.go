package kubeconfig

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
)

// UserProvidedAnnotation on a Secret, with any value, says that a user keeps its content. It is
// left alone.
const UserProvidedAnnotation = "capt.cluster.x-k8s.io/user-provided"

// TakeOverAnnotation on a CAPTControlPlane names the Secrets, separated by commas, that it may take
// from whatever controls them.
const TakeOverAnnotation = "capt.cluster.x-k8s.io/take-over"

// controlPlaneKind is the kind that controls these Secrets, of any version.
var controlPlaneKind = schema.GroupKind{Group: "controlplane.cluster.x-k8s.io", Kind: "CAPTControlPlane"}

// Verdict says whose an existing Secret is, and so what may be done with it.
type Verdict string

const (
	// Ours is a Secret that this control plane owns: repaired wherever it differs.
	Ours Verdict = "Ours"
	// Adopt is a Secret that nobody controls, or only the Cluster, or an earlier life of this control
	// plane (its UID changed with a restore or a move), or that keeps the contract's name
	// occupied for an administrators' Secret, or that the control plane is told to take over: it
	// becomes ours, then is repaired.
	Adopt Verdict = "Adopt"
	// UserProvided is a Secret that a user keeps: never written, but judged and reported.
	UserProvided Verdict = "UserProvided"
	// Foreign is a Secret that something else controls: never touched.
	Foreign Verdict = "Foreign"
	// NameTaken is a Secret that another Cluster has under the contract's name, met by this
	// control plane's administrators' Secret: never touched, and the control plane does without.
	NameTaken Verdict = "NameTaken"
)

// Ownership decides whose an existing Secret is. desired is the Secret of the same name from
// Secrets, owner the CAPTControlPlane that would publish it.
func Ownership(existing, desired *corev1.Secret, owner metav1.Object) Verdict {
	controller := metav1.GetControllerOf(existing)
	switch {
	case belongsToAnotherCluster(existing, desired) && !ownedBy(existing, owner):
		return NameTaken
	case hasKey(existing.Annotations, UserProvidedAnnotation):
		return UserProvided
	case ownedBy(existing, owner):
		return Ours
	case isPlane(controller, owner.GetName()), blocksContract(existing, desired, controller):
		return Adopt
	case existing.Type != desired.Type:
		return UserProvided
	case controller == nil, isClusterOf(controller, desired), takesOver(owner, existing.Name):
		return Adopt
	default:
		return Foreign
	}
}

// takesOver tells whether the control plane names the Secret in TakeOverAnnotation.
func takesOver(owner metav1.Object, secret string) bool {
	for name := range strings.SplitSeq(owner.GetAnnotations()[TakeOverAnnotation], ",") {
		if strings.TrimSpace(name) == secret {
			return true
		}
	}
	return false
}

// belongsToAnotherCluster recognises the contract's Secret of a Cluster by its own label and
// name. desired has the same name, so it is somebody's administrators' Secret.
func belongsToAnotherCluster(existing, desired *corev1.Secret) bool {
	cluster := existing.Labels[clusterv1.ClusterNameLabel]
	return cluster != "" && cluster != desired.Labels[clusterv1.ClusterNameLabel] && existing.Name == SecretName(cluster)
}

// blocksContract recognises the other side: the administrators' Secret of the control plane that
// controls it, under a name that the contract gives to the Cluster of desired.
func blocksContract(existing, desired *corev1.Secret, controller *metav1.OwnerReference) bool {
	plane, is := strings.CutSuffix(existing.Name, administratorsSuffix)
	return is && isPlane(controller, plane) && desired.Name == SecretName(desired.Labels[clusterv1.ClusterNameLabel])
}

// ownedBy tells whether one of the owners is this very object and no other controls the Secret.
func ownedBy(existing *corev1.Secret, owner metav1.Object) bool {
	if controller := metav1.GetControllerOf(existing); controller != nil {
		return controller.UID == owner.GetUID()
	}
	for _, reference := range existing.OwnerReferences {
		if reference.UID == owner.GetUID() {
			return true
		}
	}
	return false
}

// isClusterOf and isPlane go by kind and name, not by UID: within a namespace that is the same
// object or an earlier one, whose Secrets are replaced.
func isClusterOf(reference *metav1.OwnerReference, desired *corev1.Secret) bool {
	return groupKind(reference) == schema.GroupKind{Group: clusterv1.GroupVersion.Group, Kind: "Cluster"} &&
		reference.Name == desired.Labels[clusterv1.ClusterNameLabel]
}

func isPlane(reference *metav1.OwnerReference, name string) bool {
	return reference != nil && groupKind(reference) == controlPlaneKind && reference.Name == name
}

func groupKind(reference *metav1.OwnerReference) schema.GroupKind {
	return schema.FromAPIVersionAndKind(reference.APIVersion, reference.Kind).GroupKind()
}

func hasKey(m map[string]string, key string) bool {
	_, has := m[key]
	return has
}
