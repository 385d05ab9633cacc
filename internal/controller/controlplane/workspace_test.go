package controlplane

import (
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	clusterctlv1 "sigs.k8s.io/cluster-api/cmd/clusterctl/api/v1alpha3"
	"sigs.k8s.io/cluster-api/util/conditions"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

func TestTheInfrastructureComesFirst(t *testing.T) {
	w := newWorld(t, nil)
	w.provisioned(false)
	w.Expect(w.reconcile()).To(BeZero())
	w.Expect(w.condition("WorkspaceReady")).To(Equal("False WaitingForInfrastructure"))
	w.Expect(w.condition("KubeconfigReady")).To(Equal("Unknown NotReached"))
	w.Expect(w.has("p-control-plane", &infrav1.WorkspaceTemplateApply{})).To(BeFalse())
	w.provisioned(true)
	w.Expect(w.reconcile()).To(BeZero())
	w.Expect(w.condition("WorkspaceReady")).To(Equal("False WorkspaceNotReady"))
	w.Expect(w.has("p-control-plane", &infrav1.WorkspaceTemplateApply{})).To(BeTrue())
}

func TestAClusterWithoutInfrastructureNeedsNone(t *testing.T) {
	w := newWorld(t, func(_ *controlplanev1.CAPTControlPlane, cluster *clusterv1.Cluster) {
		cluster.Spec.InfrastructureRef = clusterv1.ContractVersionedObjectReference{}
	})
	w.provisioned(false)
	w.reconcile()
	w.Expect(w.apply().Spec.VariablesFrom).To(BeEmpty())
}

func TestTheWorkspaceIsMadeAndKeptAsWanted(t *testing.T) {
	w := newWorld(t, func(plane *controlplanev1.CAPTControlPlane, _ *clusterv1.Cluster) {
		plane.Spec.AdditionalTags = map[string]string{"a": "<&>"}
	})
	w.reconcile()
	apply := w.apply()
	w.Expect(metav1.IsControlledBy(apply, w.plane())).To(BeTrue())
	w.Expect(apply.Labels).To(Equal(map[string]string{clusterv1.ClusterNameLabel: "c"}))
	wanted := apply.Spec
	w.Expect(wanted.TemplateRef).To(Equal(infrav1.WorkspaceTemplateReference{Name: "t"}))
	w.Expect(wanted.Variables).To(Equal(map[string]string{"cluster_name": "c", "namespace": w.namespace, "kubernetes_version": "v1.34.1"}))
	w.Expect(wanted.Values["tags"].Raw).To(MatchJSON(`{"a":"<&>"}`))
	w.Expect(wanted.VariablesFrom).To(Equal([]infrav1.VariablesSource{{ApplyRef: "i-infrastructure"}}))

	apply.Spec.RetainWorkspaceOnDelete = ptr.To(true)
	apply.Spec.WriteConnectionSecretToRef = &infrav1.LocalReference{Name: "users-own"}
	apply.Spec.Variables, apply.Spec.Values, apply.Spec.VariablesFrom = map[string]string{"not": "wanted"}, nil, nil
	w.update(apply)
	plane := w.plane()
	plane.Spec.Version = "v1.35.0"
	w.update(plane)
	w.reconcile()
	wanted.Variables["kubernetes_version"] = "v1.35.0"
	wanted.RetainWorkspaceOnDelete, wanted.WriteConnectionSecretToRef = apply.Spec.RetainWorkspaceOnDelete, apply.Spec.WriteConnectionSecretToRef
	w.Expect(w.apply().Spec).To(Equal(wanted), "what is the user's is left")
}

func TestTheWorkspaceMayHaveANameOfItsOwn(t *testing.T) {
	w := newWorld(t, func(plane *controlplanev1.CAPTControlPlane, _ *clusterv1.Cluster) {
		plane.Spec.WorkspaceTemplateApplyName = "named"
	})
	w.reconcile()
	apply := &infrav1.WorkspaceTemplateApply{}
	w.get("named", apply)
	w.Expect(metav1.IsControlledBy(apply, w.plane())).To(BeTrue())
	w.Expect(w.has("p-control-plane", &infrav1.WorkspaceTemplateApply{})).To(BeFalse())
	w.delete(w.plane())
	w.reconcile()
	w.Expect(w.has("named", &infrav1.WorkspaceTemplateApply{})).To(BeFalse())
}

func TestAWorkspaceThatExistsIsUsedAsItIs(t *testing.T) {
	w := newWorld(t, func(plane *controlplanev1.CAPTControlPlane, _ *clusterv1.Cluster) {
		plane.Spec.WorkspaceTemplateRef, plane.Spec.WorkspaceTemplateApplyName = nil, "theirs"
	})
	w.Expect(w.reconcile()).To(BeZero())
	w.Expect(w.condition("WorkspaceReady")).To(Equal("False WorkspaceNotFound"))
	theirs := &infrav1.WorkspaceTemplateApply{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "theirs"},
		Spec:       infrav1.WorkspaceTemplateApplySpec{TemplateRef: infrav1.WorkspaceTemplateReference{Name: "t"}},
	}
	w.create(theirs)
	w.stands(theirs, "", parts("hush-hush"))
	w.reconcile()
	w.Expect(w.condition("KubeconfigReady")).To(Equal("True KubeconfigReady"))
	w.delete(w.plane())
	w.reconcile()
	w.Expect(w.has("p", &controlplanev1.CAPTControlPlane{})).To(BeFalse())
	kept := &infrav1.WorkspaceTemplateApply{}
	w.get("theirs", kept)
	w.Expect(kept.ResourceVersion).To(Equal(theirs.ResourceVersion))
}

func TestAWorkspaceOfOthersIsNotTouched(t *testing.T) {
	w := newWorld(t, nil)
	w.create(&infrav1.WorkspaceTemplateApply{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "p-control-plane"},
		Spec:       infrav1.WorkspaceTemplateApplySpec{TemplateRef: infrav1.WorkspaceTemplateReference{Name: "other"}},
	})
	w.Expect(w.reconcile()).To(BeZero())
	w.Expect(w.condition("WorkspaceReady")).To(Equal("False WorkspaceNameTaken"))
	w.Expect(w.apply().Spec.TemplateRef.Name).To(Equal("other"))
}

func TestWithoutAClusterNothingIsMade(t *testing.T) {
	w := newWorld(t, nil)
	plane := w.plane()
	plane.OwnerReferences = nil
	w.update(plane)
	w.Expect(w.reconcile()).To(BeZero())
	w.Expect(w.condition("WorkspaceReady")).To(Equal("False WaitingForCluster"))
	w.Expect(w.has("p-control-plane", &infrav1.WorkspaceTemplateApply{})).To(BeFalse())
}

// pauses are the ways to pause an object, and to let it go on.
var pauses = map[string]func(w *world, paused bool){
	"with its Cluster": func(w *world, paused bool) {
		cluster := w.cluster()
		cluster.Spec.Paused = ptr.To(paused)
		w.update(cluster)
	},
	"by itself": func(w *world, paused bool) {
		plane := w.plane()
		delete(plane.Annotations, clusterv1.PausedAnnotation)
		if paused {
			metav1.SetMetaDataAnnotation(&plane.ObjectMeta, clusterv1.PausedAnnotation, "")
		}
		w.update(plane)
	},
}

func TestWhatIsPausedIsLeftAlone(t *testing.T) {
	for name, pause := range pauses {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			pause(w, true)
			w.reconcile() // tells that it is paused, which wakes us
			w.reconcile()
			w.Expect(w.condition("Paused")).To(Equal("True Paused"))
			w.Expect(w.has("p-control-plane", &infrav1.WorkspaceTemplateApply{})).To(BeFalse())
			pause(w, false)
			w.reconcile() // tells that it goes on, which wakes us
			w.reconcile()
			w.Expect(w.condition("Paused")).To(Equal("False NotPaused"))
			w.Expect(w.has("p-control-plane", &infrav1.WorkspaceTemplateApply{})).To(BeTrue())
		})
	}
}

func TestWhatAnotherInstanceWatchesIsLeftAlone(t *testing.T) {
	w := newWorld(t, nil)
	w.reconciler.WatchFilter = "a"
	before := w.plane().ResourceVersion
	w.reconcile()
	w.Expect(w.plane().ResourceVersion).To(Equal(before))
	w.Expect(w.clusters.forgotten).To(ConsistOf(w.key("p")), "its cluster is not asked any more")
	plane := w.plane()
	plane.Labels = map[string]string{clusterv1.WatchLabel: "a"}
	w.update(plane)
	w.reconcile()
	w.Expect(w.apply().Labels).To(HaveKeyWithValue(clusterv1.WatchLabel, "a"), "the same instance carries it out")
}

func TestWhatWasMovedAwayIsNotDestroyed(t *testing.T) {
	w := newPublished(t)
	plane := w.plane()
	plane.Annotations = map[string]string{clusterctlv1.DeleteForMoveAnnotation: ""}
	w.update(plane)
	w.delete(plane)
	w.Expect(w.reconcile()).To(BeZero())
	w.Expect(w.plane().Finalizers).NotTo(BeEmpty(), "clusterctl removes it")
	w.Expect(w.apply().DeletionTimestamp).To(BeNil())
	w.Expect(w.secret("c-kubeconfig")).NotTo(BeNil())
}

func TestANewerVersionIsARollout(t *testing.T) {
	w := newPublished(t)
	w.Expect(w.plane().Status.Version).To(Equal("v1.34.1"))
	w.Expect(w.condition("RollingOut")).To(Equal("False NotRollingOut"))
	plane := w.plane()
	plane.Spec.Version = "v1.35.0"
	w.update(plane)
	w.reconcile()
	w.Expect(w.condition("RollingOut")).To(Equal("True RollingOut"))
	w.Expect(conditions.GetMessage(w.plane(), "RollingOut")).To(Equal("Kubernetes v1.34.1 is to become v1.35.0"))

	w.stands(w.apply(), "", nil)
	w.clusters.version = "v1.35.0"
	w.reconcile() // the version is news, which wakes us
	w.reconcile()
	w.Expect(w.plane().Status.Version).To(Equal("v1.35.0"))
	w.Expect(w.condition("RollingOut")).To(Equal("False NotRollingOut"))
	w.Expect(w.condition("Available")).To(Equal("True Available"), "it is not part of the summary")
}

func TestDeletionTakesTheWorkspaceFirst(t *testing.T) {
	w := newPublished(t)
	foreign := w.secret("c-ca").DeepCopy()
	foreign.ObjectMeta = metav1.ObjectMeta{Namespace: w.namespace, Name: "foreign", Labels: foreign.Labels}
	w.create(foreign)
	apply := w.apply()
	apply.Finalizers = []string{"test.capt/held"}
	w.update(apply)
	w.Expect(w.condition("Deleting")).To(Equal("False NotDeleting"))
	w.delete(w.plane())
	for range 2 {
		w.Expect(w.reconcile()).To(BeZero())
		w.Expect(w.condition("Deleting")).To(Equal("True Deleting"))
		w.Expect(conditions.GetMessage(w.plane(), "Deleting")).To(Equal("WorkspaceTemplateApply p-control-plane is being deleted"))
		w.Expect(w.condition("WorkspaceReady")).To(Equal("False Destroying"))
		w.Expect(w.secret("c-kubeconfig")).NotTo(BeNil(), "the cluster still answers")
	}
	apply = w.apply()
	apply.Finalizers = nil
	w.update(apply)
	w.reconcile()
	w.Expect(w.has("p", &controlplanev1.CAPTControlPlane{})).To(BeFalse())
	for _, name := range []string{"c-kubeconfig", "p-control-plane-kubeconfig", "c-ca"} {
		w.Expect(w.has(name, foreign.DeepCopy())).To(BeFalse(), name)
	}
	w.Expect(w.has("foreign", foreign.DeepCopy())).To(BeTrue())
	w.Expect(w.reconcile()).To(BeZero())
}
