package cluster

import (
	"testing"

	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	clusterctlv1 "sigs.k8s.io/cluster-api/cmd/clusterctl/api/v1alpha3"
	"sigs.k8s.io/cluster-api/util/conditions"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

const ready = "True InfrastructureReady"

func TestVariables(t *testing.T) {
	tests := map[string]struct {
		spec infrav1.CAPTClusterSpec
		want map[string]string
	}{
		"by default": {want: map[string]string{"cluster_name": "c", "namespace": "n", "vpc_name": "c-vpc"}},
		"given": {
			spec: infrav1.CAPTClusterSpec{Region: "north", VPCConfig: infrav1.VPCConfig{Name: "v"}},
			want: map[string]string{"cluster_name": "c", "namespace": "n", "vpc_name": "v", "region": "north"}},
		"the user's word wins": {
			spec: infrav1.CAPTClusterSpec{Region: "north", Variables: map[string]string{"region": "south", "cluster_name": "mine", "more": "x"}},
			want: map[string]string{"cluster_name": "mine", "namespace": "n", "vpc_name": "c-vpc", "region": "south", "more": "x"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(variables(&infrav1.CAPTCluster{Spec: tt.spec}, newCluster("n"))).To(Equal(tt.want))
		})
	}
}

func TestTheWorkspaceIsMadeAndKeptAsWanted(t *testing.T) {
	w := newWorld(t, func(infra *infrav1.CAPTCluster, _ *clusterv1.Cluster) {
		infra.Spec.WorkspaceTemplateRef, infra.Spec.VPCTemplateRef = nil, &infrav1.WorkspaceTemplateReference{Name: "t", Namespace: "templates"}
		infra.Spec.Values = map[string]apiextensionsv1.JSON{"tags": {Raw: []byte(`{"b":"<&>","a":1}`)}}
	})
	w.reconcile()
	w.expectReady("False WorkspaceNotReady")
	apply := w.apply()
	w.Expect(metav1.IsControlledBy(apply, w.infra())).To(BeTrue())
	w.Expect(apply.Labels).To(Equal(map[string]string{clusterv1.ClusterNameLabel: "c"}))
	w.Expect(apply.Spec.TemplateRef).To(Equal(infrav1.WorkspaceTemplateReference{Name: "t", Namespace: "templates"}))
	w.Expect(apply.Spec.Variables).To(HaveKeyWithValue("cluster_name", "c"))
	w.Expect(apply.Spec.Values["tags"].Raw).To(MatchJSON(`{"b":"<&>","a":1}`))

	apply.Spec.WaitForSecrets = []infrav1.LocalReference{{Name: "users-own"}}
	apply.Spec.Variables = map[string]string{"not": "wanted"}
	w.update(apply)
	infra := w.infra()
	infra.Spec.Region, infra.Spec.RetainVPCOnDelete = "north", ptr.To(true)
	w.update(infra)
	w.reconcile()
	spec := w.apply().Spec
	w.Expect(spec.Variables).To(Equal(map[string]string{"cluster_name": "c", "namespace": w.namespace, "vpc_name": "c-vpc", "region": "north"}))
	w.Expect(spec.RetainWorkspaceOnDelete).To(Equal(ptr.To(true)))
	w.Expect(spec.WaitForSecrets).To(Equal(apply.Spec.WaitForSecrets), "what is the user's is left")
}

func TestWithoutAClusterNothingIsMade(t *testing.T) {
	w := newWorld(t, nil)
	infra := w.infra()
	infra.OwnerReferences = nil
	w.update(infra)
	w.reconcile()
	w.expectReady("False WaitingForCluster")
	err := env.Client.Get(t.Context(), w.key("i-infrastructure"), &infrav1.WorkspaceTemplateApply{})
	w.Expect(apierrors.IsNotFound(err)).To(BeTrue())
}

func TestAWorkspaceOfOthersIsNotTouched(t *testing.T) {
	w := newWorld(t, nil)
	foreign := &infrav1.WorkspaceTemplateApply{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "i-infrastructure"},
		Spec:       infrav1.WorkspaceTemplateApplySpec{TemplateRef: infrav1.WorkspaceTemplateReference{Name: "other"}},
	}
	w.create(foreign)
	w.reconcile()
	w.expectReady("False WorkspaceNameTaken")
	w.Expect(w.apply().ResourceVersion).To(Equal(foreign.ResourceVersion))
	w.Expect(env.Client.Delete(t.Context(), w.infra())).To(Succeed())
	w.reconcile()
	w.Expect(w.apply().DeletionTimestamp.IsZero()).To(BeTrue(), "nor when the object goes")
}

const network = `{
	"vpc_id":                 {"sensitive":false,"type":"string","value":"v-1"},
	"availability_zones":     {"sensitive":false,"type":["list","string"],"value":["b","a"]},
	"control_plane_endpoint": {"sensitive":false,"type":"string","value":"https://h:6443"}
}`

func TestOutputsArePublished(t *testing.T) {
	w := newWorld(t, nil)
	w.reconcile()
	w.stands("", network)
	w.reconcile()
	w.expectReady(ready)
	infra := w.infra()
	w.Expect(infra.Status.VPCID).To(Equal("v-1"))
	w.Expect(infra.Status.FailureDomains).To(HaveExactElements(clusterv1.FailureDomain{Name: "a"}, clusterv1.FailureDomain{Name: "b"}))
	w.Expect(infra.Spec.ControlPlaneEndpoint).To(Equal(clusterv1.APIEndpoint{Host: "h", Port: 6443}))
	w.Expect(infra.Status.Initialization.Provisioned).To(Equal(ptr.To(true)))
	w.Expect(infra.Status.ObservedGeneration).To(BeNumerically(">=", 1))

	w.store("i-infrastructure-outputs", `{"vpc_id":{"sensitive":false,"type":"string","value":"v-2"},
		"control_plane_endpoint":{"sensitive":false,"type":"string","value":"https://other:443"}}`)
	w.reconcile()
	infra = w.infra()
	w.Expect(infra.Status.VPCID).To(Equal("v-2"))
	w.Expect(infra.Status.FailureDomains).To(BeEmpty())
	w.Expect(infra.Spec.ControlPlaneEndpoint).To(Equal(clusterv1.APIEndpoint{Host: "h", Port: 6443}), "Cluster API would not follow")
}

func TestWhatWasMadeOnceStaysPublished(t *testing.T) {
	w := newWorld(t, nil)
	w.reconcile()
	w.stands("ApplyFailed", "")
	w.reconcile()
	w.expectReady("False ApplyFailed")
	w.Expect(w.infra().Status.Initialization.Provisioned).To(BeNil())
	w.stands("Applying", network)
	w.reconcile()
	w.expectReady("False Applying")
	w.Expect(w.infra().Status.VPCID).To(Equal("v-1"))
	w.Expect(w.infra().Status.Initialization.Provisioned).To(Equal(ptr.To(true)))

	w.stands("ApplyFailed", "")
	w.reconcile()
	w.expectReady("False ApplyFailed")
	w.Expect(w.infra().Status.VPCID).To(Equal("v-1"))
	w.Expect(w.infra().Status.Initialization.Provisioned).To(Equal(ptr.To(true)), "it never goes back")
	w.stands("", `{`)
	w.reconcile()
	w.expectReady("False OutputsUnreadable")
	w.Expect(w.infra().Status.Initialization.Provisioned).To(Equal(ptr.To(true)))
}

func TestBadOutputsHaveAReason(t *testing.T) {
	for reason, outputs := range map[string]string{
		"OutputInvalid":     `{"vpc_id":{"sensitive":false,"type":["list","string"],"value":["v"]}}`,
		"OutputsUnreadable": `{`,
	} {
		t.Run(reason, func(t *testing.T) {
			w := newWorld(t, nil)
			w.reconcile()
			w.stands("", outputs)
			w.reconcile()
			w.expectReady("False " + reason)
			w.Expect(w.infra().Status.Initialization.Provisioned).To(BeNil())
		})
	}
}

func TestAVPCThatExistsNeedsNoWorkspace(t *testing.T) {
	w := newWorld(t, func(infra *infrav1.CAPTCluster, _ *clusterv1.Cluster) {
		infra.Spec = infrav1.CAPTClusterSpec{ExistingVPCID: "v-0"}
	})
	w.reconcile()
	w.expectReady(ready)
	w.Expect(w.infra().Status.VPCID).To(Equal("v-0"))
	w.Expect(w.infra().Status.Initialization.Provisioned).To(Equal(ptr.To(true)))
	w.Expect(env.Client.Delete(t.Context(), w.infra())).To(Succeed())
	w.reconcile()
	w.Expect(apierrors.IsNotFound(env.Client.Get(t.Context(), w.key("i"), &infrav1.CAPTCluster{}))).To(BeTrue())
}

func TestDeletionTakesTheWorkspaceFirst(t *testing.T) {
	w := newWorld(t, nil)
	w.reconcile()
	apply := w.apply()
	apply.Finalizers = []string{"test.capt/held"}
	w.update(apply)
	w.Expect(env.Client.Delete(t.Context(), w.infra())).To(Succeed())
	w.Expect(conditions.Get(w.infra(), "Deleting")).To(HaveField("Reason", "NotDeleting"))
	for range 2 {
		w.reconcile()
		w.expectReady("False Destroying")
		w.Expect(conditions.IsTrue(w.infra(), "Deleting")).To(BeTrue())
		w.Expect(conditions.GetMessage(w.infra(), "Deleting")).To(Equal("WorkspaceTemplateApply i-infrastructure is being deleted"))
		w.Expect(w.apply().DeletionTimestamp.IsZero()).To(BeFalse())
	}
	apply = w.apply()
	apply.Finalizers = nil
	w.update(apply)
	w.reconcile()
	w.Expect(apierrors.IsNotFound(env.Client.Get(t.Context(), w.key("i"), &infrav1.CAPTCluster{}))).To(BeTrue())
	w.reconcile()
}

// pauses are the ways to pause an object, and to let it go on.
var pauses = map[string]func(w *world, paused bool){
	"with its Cluster": func(w *world, paused bool) {
		cluster := &clusterv1.Cluster{}
		w.get("c", cluster)
		cluster.Spec.Paused = ptr.To(paused)
		w.update(cluster)
	},
	"by itself": func(w *world, paused bool) {
		infra := w.infra()
		delete(infra.Annotations, clusterv1.PausedAnnotation)
		if paused {
			metav1.SetMetaDataAnnotation(&infra.ObjectMeta, clusterv1.PausedAnnotation, "")
		}
		w.update(infra)
	},
}

func TestWhatIsPausedIsLeftAlone(t *testing.T) {
	for name, pause := range pauses {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			pause(w, true)
			w.reconcile() // tells that it is paused, which wakes us
			w.reconcile()
			w.Expect(w.infra().Status.Conditions).To(HaveExactElements(And(HaveField("Type", "Paused"), HaveField("Status", metav1.ConditionTrue))))
			pause(w, false)
			w.reconcile() // tells that it goes on, which wakes us
			w.reconcile()
			w.expectReady("False WorkspaceNotReady")
			w.Expect(conditions.IsFalse(w.infra(), "Paused")).To(BeTrue())
		})
	}
}

func TestWhatOthersManageIsLeftAlone(t *testing.T) {
	w := newWorld(t, func(infra *infrav1.CAPTCluster, _ *clusterv1.Cluster) {
		infra.Annotations = map[string]string{clusterv1.ManagedByAnnotation: "others"}
	})
	w.reconcile()
	w.Expect(w.infra().Finalizers).To(BeEmpty())
	w.Expect(w.infra().Status).To(BeZero())
}

func TestWhatOthersTakeOverIsLeftAloneWhenItIsDeleted(t *testing.T) {
	w := newWorld(t, nil)
	w.reconcile()
	infra := w.infra()
	infra.Spec.RetainVPCOnDelete = ptr.To(true)
	w.update(infra)
	w.reconcile()
	w.Expect(w.apply().Spec.RetainWorkspaceOnDelete).To(HaveValue(BeTrue()))

	infra = w.infra()
	infra.Annotations = map[string]string{clusterv1.ManagedByAnnotation: "others"}
	w.update(infra)
	w.Expect(env.Client.Delete(t.Context(), infra)).To(Succeed())
	w.reconcile()
	infra = w.infra()
	w.Expect(infra.Finalizers).To(Equal([]string{infrav1.ClusterFinalizer}))
	w.Expect(w.apply().DeletionTimestamp.IsZero()).To(BeTrue())
	infra.Finalizers = nil
	w.update(infra)
	w.reconcile()
	w.Expect(apierrors.IsNotFound(env.Client.Get(t.Context(), w.key("i"), &infrav1.CAPTCluster{}))).To(BeTrue())
	w.Expect(w.apply().Spec.RetainWorkspaceOnDelete).To(HaveValue(BeTrue()), "whoever deletes it")
}

func TestWhatAnotherInstanceWatchesIsLeftAlone(t *testing.T) {
	w := newWorld(t, func(infra *infrav1.CAPTCluster, _ *clusterv1.Cluster) {
		infra.Labels = map[string]string{clusterv1.WatchLabel: "a"}
	})
	w.reconciler.WatchFilter = "b"
	w.reconcile()
	w.Expect(w.infra().Status).To(BeZero())
	w.reconciler.WatchFilter = "a"
	w.reconcile()
	w.expectReady("False WorkspaceNotReady")
	w.Expect(w.apply().Labels).To(HaveKeyWithValue(clusterv1.WatchLabel, "a"), "the same instance carries it out")
}

func TestWhatWasMovedAwayIsNotDestroyed(t *testing.T) {
	w := newWorld(t, nil)
	w.reconcile()
	infra := w.infra()
	infra.Annotations = map[string]string{clusterctlv1.DeleteForMoveAnnotation: ""}
	w.update(infra)
	w.Expect(env.Client.Delete(t.Context(), infra)).To(Succeed())
	w.reconcile()
	w.Expect(w.infra().Finalizers).NotTo(BeEmpty(), "clusterctl removes it")
	apply := &infrav1.WorkspaceTemplateApply{}
	w.get("i-infrastructure", apply)
	w.Expect(apply.DeletionTimestamp).To(BeNil())
}

func TestNothingIsWrittenAtRest(t *testing.T) {
	w := newWorld(t, func(infra *infrav1.CAPTCluster, _ *clusterv1.Cluster) {
		infra.Spec.Values = map[string]apiextensionsv1.JSON{"tags": {Raw: []byte(`{"b":"<&>","a":1.50}`)}}
	})
	w.reconcile()
	w.stands("", network)
	w.reconcile()
	w.reconcile() // the endpoint that was set is a new generation
	var writes []string
	w.reconciler.Client = noting(t, &writes)
	w.reconcile()
	w.Expect(writes).To(BeEmpty())
	w.stands("ApplyFailed", network)
	w.reconcile()
	w.Expect(writes).NotTo(BeEmpty(), "the writes are seen")
}
