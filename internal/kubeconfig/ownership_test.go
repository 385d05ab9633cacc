package kubeconfig

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	planeAPI   = "controlplane.cluster.x-k8s.io/v1beta1"
	clusterAPI = "cluster.x-k8s.io/v1beta2"
)

func reference(apiVersion, kind, name, uid string, controller bool) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: apiVersion, Kind: kind, Name: name, UID: types.UID(uid), Controller: &controller}
}

func TestOwnership(t *testing.T) {
	owner := &metav1.ObjectMeta{Name: "p", UID: "plane-uid"}
	owners := func(references ...metav1.OwnerReference) func(s *corev1.Secret) {
		return func(s *corev1.Secret) { s.OwnerReferences = references }
	}
	ours := reference(planeAPI, "CAPTControlPlane", "p", "plane-uid", true)
	for name, tc := range map[string]struct {
		change func(s *corev1.Secret)
		want   Verdict
	}{
		"ours":                        {owners(ours), Ours},
		"ours, of another type":       {func(s *corev1.Secret) { owners(ours)(s); s.Type = "Opaque" }, Ours},
		"ours, without its label":     {func(s *corev1.Secret) { owners(ours)(s); s.Labels = nil }, Ours},
		"ours, no longer controlling": {owners(reference(planeAPI, "CAPTControlPlane", "p", "plane-uid", false)), Ours},

		"no owner":                       {owners(), Adopt},
		"no owner, no label, no data":    {func(s *corev1.Secret) { s.Labels, s.Data = nil, nil }, Adopt},
		"the Cluster's":                  {owners(reference(clusterAPI, "Cluster", "c", "cluster-uid", true)), Adopt},
		"the Cluster's, old version":     {owners(reference("cluster.x-k8s.io/v1beta1", "Cluster", "c", "cluster-uid", false)), Adopt},
		"an owner that does not control": {owners(reference("v1", "ConfigMap", "x", "x", false)), Adopt},
		"ours before a restore":          {owners(reference("controlplane.cluster.x-k8s.io/v1alpha1", "CAPTControlPlane", "p", "old-uid", true)), Adopt},
		"ours before a restore, of another type": {func(s *corev1.Secret) {
			owners(reference(planeAPI, "CAPTControlPlane", "p", "old-uid", true))(s)
			s.Type = "Opaque"
		}, Adopt},

		"of another type":                {func(s *corev1.Secret) { s.Type = "Opaque" }, UserProvided},
		"of another type, the Cluster's": {func(s *corev1.Secret) { owners(reference(clusterAPI, "Cluster", "c", "u", false))(s); s.Type = "" }, UserProvided},
		"of another type, another's": {func(s *corev1.Secret) {
			owners(reference("external-secrets.io/v1", "ExternalSecret", "x", "x", true))(s)
			s.Type = ""
		}, UserProvided},
		"marked": {func(s *corev1.Secret) { s.Annotations = map[string]string{UserProvidedAnnotation: ""} }, UserProvided},
		"marked, though ours": {func(s *corev1.Secret) {
			owners(ours)(s)
			s.Annotations = map[string]string{UserProvidedAnnotation: "yes"}
		}, UserProvided},

		"another control plane's":   {owners(reference(planeAPI, "CAPTControlPlane", "q", "q-uid", true)), Foreign},
		"another kind's":            {owners(reference("controlplane.cluster.x-k8s.io/v1beta2", "KubeadmControlPlane", "p", "k-uid", true)), Foreign},
		"another group's":           {owners(reference("example.org/v1", "CAPTControlPlane", "p", "k-uid", true)), Foreign},
		"another Cluster's":         {owners(reference(clusterAPI, "Cluster", "d", "cluster-uid", true)), Foreign},
		"another's, we own as well": {owners(reference("v1", "ConfigMap", "x", "x", true), reference(planeAPI, "CAPTControlPlane", "p", "plane-uid", false)), Foreign},
	} {
		t.Run(name, func(t *testing.T) {
			desired := must(Secrets(types.NamespacedName{Name: "c"}, "p", must(Judge(parts(nil), now))))[0]
			existing := desired.DeepCopy()
			tc.change(existing)
			NewWithT(t).Expect(Ownership(existing, desired, owner)).To(Equal(tc.want))
		})
	}
}

func TestASecretIsTakenOverByName(t *testing.T) {
	desired := must(Secrets(types.NamespacedName{Name: "c"}, "p", must(Judge(parts(nil), now))))[0]
	existing := desired.DeepCopy()
	existing.OwnerReferences = []metav1.OwnerReference{reference("v1", "ConfigMap", "x", "x", true)}
	for annotation, want := range map[string]Verdict{
		"": Foreign, "c": Foreign, "c-ca": Foreign, "all": Foreign, "c-kubeconfig": Adopt, "c-ca, c-kubeconfig": Adopt,
	} {
		owner := &metav1.ObjectMeta{Name: "p", UID: "plane-uid", Annotations: map[string]string{TakeOverAnnotation: annotation}}
		NewWithT(t).Expect(Ownership(existing, desired, owner)).To(Equal(want), annotation)
	}
	existing.Annotations = map[string]string{UserProvidedAnnotation: ""}
	owner := &metav1.ObjectMeta{Name: "p", Annotations: map[string]string{TakeOverAnnotation: "c-kubeconfig"}}
	NewWithT(t).Expect(Ownership(existing, desired, owner)).To(Equal(UserProvided), "a user's word on the Secret itself counts more")
}

// Plane `a` of Cluster `c` and the Cluster `a-control-plane`, run by plane `b`, want the same name.
func TestOwnershipWhereNamesMeet(t *testing.T) {
	kc := must(Judge(parts(nil), now))
	planeA, planeB := &metav1.ObjectMeta{Name: "a", UID: "a-uid"}, &metav1.ObjectMeta{Name: "b", UID: "b-uid"}
	administrators := must(Secrets(types.NamespacedName{Name: "c"}, "a", kc))[1]
	contract := must(Secrets(types.NamespacedName{Name: "a-control-plane"}, "b", kc))[0]
	NewWithT(t).Expect(administrators.Name).To(Equal(contract.Name))

	controlled := func(s *corev1.Secret, by *metav1.ObjectMeta) *corev1.Secret {
		s = s.DeepCopy()
		s.OwnerReferences = []metav1.OwnerReference{reference(planeAPI, "CAPTControlPlane", by.Name, string(by.UID), true)}
		return s
	}
	marked := contract.DeepCopy()
	marked.Annotations = map[string]string{UserProvidedAnnotation: ""}
	for name, tc := range map[string]struct {
		existing, desired *corev1.Secret
		owner             metav1.Object
		want              Verdict
	}{
		"a meets b's":                        {controlled(contract, planeB), administrators, planeA, NameTaken},
		"a meets b's that lost its owner":    {contract, administrators, planeA, NameTaken},
		"a meets b's that a user keeps":      {marked, administrators, planeA, NameTaken},
		"a meets its own":                    {controlled(administrators, planeA), administrators, planeA, Ours},
		"b meets a's, and the contract wins": {controlled(administrators, planeA), contract, planeB, Adopt},
		"b meets its own":                    {controlled(contract, planeB), contract, planeB, Ours},
		"b meets some other plane's":         {controlled(administrators, &metav1.ObjectMeta{Name: "x", UID: "x"}), contract, planeB, Foreign},
		"a's is not for b's administrators":  {controlled(administrators, planeA), administrators, planeB, Foreign},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(Ownership(tc.existing, tc.desired, tc.owner)).To(Equal(tc.want))
		})
	}
}
