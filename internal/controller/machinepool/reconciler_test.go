package machinepool

import (
	"context"
	"testing"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	clusterctlv1 "sigs.k8s.io/cluster-api/cmd/clusterctl/api/v1alpha3"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

const (
	made       = "True WorkspaceReady"
	known      = "True ProviderIDsAvailable"
	notReached = "Unknown NotReached"

	two   = `{"provider_id_list":{"sensitive":false,"type":["list","string"],"value":["x:2","x:1"]}}`
	three = `{"provider_id_list":{"sensitive":false,"type":["list","string"],"value":["x:1","x:2"]},"replicas":{"sensitive":false,"type":"number","value":3}}`
)

func TestNothingIsMadeBeforeItsTime(t *testing.T) {
	for reason, change := range map[string]func(*parts){
		"WaitingForInfrastructure": func(p *parts) { p.cluster.Status.Initialization.InfrastructureProvisioned = nil },
		"WaitingForControlPlane":   func(p *parts) { p.cluster.Status.Initialization.ControlPlaneInitialized = ptr.To(false) },
		"WaitingForBootstrapData": func(p *parts) {
			p.owner.Spec.Template.Spec.Bootstrap = clusterv1.Bootstrap{ConfigRef: clusterv1.ContractVersionedObjectReference{
				APIGroup: "bootstrap.cluster.x-k8s.io", Kind: "SomeConfig", Name: "b",
			}}
		},
	} {
		t.Run(reason, func(t *testing.T) {
			w := newWorld(t, change)
			w.reconcile()
			w.expect("False "+reason, notReached)
			w.expectNoApply()
		})
	}
}

func (w *world) expectNoApply() {
	w.t.Helper()
	err := env.Client.Get(w.t.Context(), w.key("w-machine-pool"), &infrav1.WorkspaceTemplateApply{})
	w.Expect(apierrors.IsNotFound(err)).To(BeTrue())
}

func TestWithoutAMachinePoolNothingIsMade(t *testing.T) {
	w := newWorld(t, nil)
	pool := w.pool()
	pool.OwnerReferences = nil
	w.update(pool)
	w.reconcile()
	w.expect("False WaitingForMachinePool", notReached)
	w.expectNoApply()
}

func TestAClusterOfOthersIsEnough(t *testing.T) {
	w := newWorld(t, func(p *parts) {
		p.cluster.Spec.InfrastructureRef = clusterv1.ContractVersionedObjectReference{}
		p.cluster.Spec.ControlPlaneRef.APIGroup, p.cluster.Spec.ControlPlaneRef.Kind = "controlplane.cluster.x-k8s.io", "OtherControlPlane"
		p.cluster.Status.Initialization.InfrastructureProvisioned = nil
	})
	w.reconcile()
	w.Expect(w.apply().Spec.VariablesFrom).To(BeEmpty())
}

func TestTheWorkspaceIsMadeAndKeptAsWanted(t *testing.T) {
	w := newWorld(t, nil)
	w.reconcile()
	w.expect("False WorkspaceNotReady", notReached)
	apply := w.apply()
	w.Expect(metav1.IsControlledBy(apply, w.pool())).To(BeTrue())
	w.Expect(apply.Labels).To(Equal(map[string]string{clusterv1.ClusterNameLabel: "c"}))
	w.Expect(apply.Spec.TemplateRef).To(Equal(infrav1.WorkspaceTemplateReference{Name: "t"}))
	w.Expect(apply.Spec.VariablesFrom).To(Equal([]infrav1.VariablesSource{{ApplyRef: "i-infrastructure"}, {ApplyRef: "p-control-plane"}}))
	w.Expect(apply.Spec.Values["replicas"].Raw).To(MatchJSON("2"))

	apply.Spec.WaitForSecrets = []infrav1.LocalReference{{Name: "users-own"}}
	w.update(apply)
	owner := w.owner()
	owner.Spec.Replicas, owner.Spec.Template.Spec.Version = ptr.To[int32](3), "v1.35.0"
	w.update(owner)
	w.reconcile()
	spec := w.apply().Spec
	w.Expect(spec.Values["replicas"].Raw).To(MatchJSON("3"))
	w.Expect(spec.Variables).To(HaveKeyWithValue("kubernetes_version", "v1.35.0"))
	w.Expect(spec.WaitForSecrets).To(Equal(apply.Spec.WaitForSecrets), "what is the user's is left")
}

func TestMachinesArePublished(t *testing.T) {
	w := newWorld(t, nil)
	w.reconcile()
	w.stands("ApplyFailed", "")
	w.reconcile()
	w.expect("False ApplyFailed", notReached)
	w.Expect(w.pool().Status.Initialization.Provisioned).To(BeNil())

	w.stands("", two)
	w.reconcile()
	w.expect(made, known)
	pool := w.pool()
	w.Expect(pool.Spec.ProviderIDList).To(Equal([]string{"x:1", "x:2"}))
	w.Expect(pool.Status.Replicas).To(Equal(ptr.To[int32](2)))
	w.Expect(pool.Status.Initialization.Provisioned).To(Equal(ptr.To(true)))
	w.Expect(pool.Status.Ready).To(Equal(ptr.To(true)))

	w.stands("Applying", three)
	w.reconcile()
	w.expect("False Applying", known)
	w.Expect(w.pool().Status.Replicas).To(Equal(ptr.To[int32](3)))
	w.Expect(w.owner().Spec.Replicas).To(Equal(ptr.To[int32](2)), "it decides")

	w.stands("", `{"provider_id_list":{"sensitive":false,"type":["list","string"],"value":[]}}`)
	w.reconcile()
	w.expect(made, known)
	w.Expect(w.pool().Spec.ProviderIDList).To(BeEmpty())
	w.Expect(w.pool().Status.Replicas).To(Equal(ptr.To[int32](0)))

	w.stands("ApplyFailed", `{`)
	w.reconcile()
	w.expect("False ApplyFailed", "False OutputsUnreadable")
	w.Expect(w.pool().Status.Initialization.Provisioned).To(Equal(ptr.To(true)), "it never goes back")
	w.Expect(w.pool().Status.Ready).To(Equal(ptr.To(true)))
}

func TestBadOutputsHaveAReason(t *testing.T) {
	for reason, outputs := range map[string]string{
		"OutputMissing":     `{}`,
		"OutputInvalid":     `{"provider_id_list":{"sensitive":false,"type":"string","value":"x"}}`,
		"OutputsUnreadable": `{`,
	} {
		t.Run(reason, func(t *testing.T) {
			w := newWorld(t, nil)
			w.reconcile()
			w.stands("", two)
			w.reconcile()
			w.stands("", outputs)
			w.reconcile()
			w.expect(made, "False "+reason)
			w.Expect(w.pool().Spec.ProviderIDList).To(HaveLen(2), "Cluster API would delete the Nodes")
		})
	}
}

func TestTheMachinePoolFollowsWhoManagesItsReplicas(t *testing.T) {
	w := newWorld(t, func(p *parts) {
		p.owner.Annotations = map[string]string{clusterv1.ReplicasManagedByAnnotation: "external-autoscaler"}
	})
	w.reconcile()
	w.Expect(w.apply().Spec.Values).NotTo(HaveKey("replicas"))
	w.stands("", three)
	w.reconcile()
	w.Expect(w.owner().Spec.Replicas).To(Equal(ptr.To[int32](3)))
	w.Expect(w.pool().Status.Replicas).To(Equal(ptr.To[int32](3)))

	owner := w.owner()
	owner.Annotations = nil
	w.update(owner)
	w.reconcile()
	w.Expect(w.apply().Spec.Values["replicas"].Raw).To(MatchJSON("3"), "it decides again, and begins with what there is")
}

func TestAMachinePoolThatDecidesAgainIsNotOverruled(t *testing.T) {
	w := newWorld(t, func(p *parts) {
		p.owner.Annotations = map[string]string{clusterv1.ReplicasManagedByAnnotation: ""}
	})
	w.reconcile()
	w.stands("", three)
	w.reconciler.Client = beforePatch(t, func(patched client.Object) {
		if _, is := patched.(*clusterv1.MachinePool); !is {
			return
		}
		owner := w.owner()
		owner.Annotations = nil
		w.update(owner)
	})
	result, err := w.reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: w.key("w")})
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(result.RequeueAfter).NotTo(BeZero())
	w.Expect(w.owner().Spec.Replicas).To(Equal(ptr.To[int32](2)))
}

// beforePatch is a client that does something before it patches an object.
func beforePatch(t *testing.T, do func(client.Object)) client.Client {
	t.Helper()
	direct, err := client.NewWithWatch(env.Config, client.Options{Scheme: env.Scheme})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return interceptor.NewClient(direct, interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
			do(obj)
			return c.Patch(ctx, obj, patch, opts...)
		},
	})
}

func TestAWorkspaceOfOthersIsNotTouched(t *testing.T) {
	w := newWorld(t, nil)
	foreign := &infrav1.WorkspaceTemplateApply{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "w-machine-pool"},
		Spec:       infrav1.WorkspaceTemplateApplySpec{TemplateRef: infrav1.WorkspaceTemplateReference{Name: "other"}},
	}
	w.create(foreign)
	w.reconcile()
	w.expect("False WorkspaceNameTaken", notReached)
	w.Expect(w.apply().ResourceVersion).To(Equal(foreign.ResourceVersion))
}

func TestDeletionTakesTheWorkspaceFirst(t *testing.T) {
	w := newWorld(t, nil)
	w.reconcile()
	apply := w.apply()
	apply.Finalizers = []string{"test.capt/held"}
	w.update(apply)
	w.Expect(env.Client.Delete(t.Context(), w.owner())).To(Succeed())
	w.Expect(env.Client.Delete(t.Context(), w.pool())).To(Succeed())
	for range 2 {
		w.reconcile()
		w.Expect(w.pool().Status.Conditions).To(ContainElements(HaveField("Reason", "Destroying"), And(
			HaveField("Type", "Deleting"), HaveField("Status", metav1.ConditionTrue),
			HaveField("Message", "WorkspaceTemplateApply w-machine-pool is being deleted"))))
		w.Expect(w.apply().DeletionTimestamp.IsZero()).To(BeFalse())
	}
	apply = w.apply()
	apply.Finalizers = nil
	w.update(apply)
	w.reconcile()
	w.Expect(apierrors.IsNotFound(env.Client.Get(t.Context(), w.key("w"), &infrav1.CAPTMachinePool{}))).To(BeTrue())
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
		pool := w.pool()
		delete(pool.Annotations, clusterv1.PausedAnnotation)
		if paused {
			metav1.SetMetaDataAnnotation(&pool.ObjectMeta, clusterv1.PausedAnnotation, "")
		}
		w.update(pool)
	},
}

func TestWhatIsPausedIsLeftAlone(t *testing.T) {
	for name, pause := range pauses {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			pause(w, true)
			w.reconcile() // tells that it is paused, which wakes us
			w.reconcile()
			w.Expect(w.pool().Status.Conditions).To(HaveExactElements(And(HaveField("Type", "Paused"), HaveField("Status", metav1.ConditionTrue))))
			w.expectNoApply()
			pause(w, false)
			w.reconcile() // tells that it goes on, which wakes us
			w.reconcile()
			w.expect("False WorkspaceNotReady", notReached)
		})
	}
}

func TestWhatWasMovedAwayIsNotDestroyed(t *testing.T) {
	w := newWorld(t, nil)
	w.reconcile()
	pool := w.pool()
	pool.Annotations = map[string]string{clusterctlv1.DeleteForMoveAnnotation: ""}
	w.update(pool)
	w.Expect(env.Client.Delete(t.Context(), pool)).To(Succeed())
	w.reconcile()
	w.Expect(w.pool().Finalizers).NotTo(BeEmpty(), "clusterctl removes it")
	w.Expect(w.apply().DeletionTimestamp).To(BeNil())
}

func TestWhatAnotherInstanceWatchesIsLeftAlone(t *testing.T) {
	w := newWorld(t, nil)
	w.reconciler.WatchFilter = "a"
	before := w.pool().ResourceVersion
	w.reconcile()
	w.Expect(w.pool().ResourceVersion).To(Equal(before))
	pool := w.pool()
	pool.Labels = map[string]string{clusterv1.WatchLabel: "a"}
	w.update(pool)
	w.reconcile()
	w.Expect(w.apply().Labels).To(HaveKeyWithValue(clusterv1.WatchLabel, "a"), "the same instance carries it out")
}

func TestNothingIsWrittenAtRest(t *testing.T) {
	w := newWorld(t, func(p *parts) {
		p.owner.Annotations = map[string]string{clusterv1.ReplicasManagedByAnnotation: ""}
		p.pool.Spec.AdditionalTags = map[string]string{"b": "<&>", "a": "1"}
	})
	w.reconcile()
	w.stands("", three)
	w.reconcile()
	w.reconcile() // the list that was set is a new generation
	versions := func() []string {
		return []string{w.pool().ResourceVersion, w.owner().ResourceVersion, w.apply().ResourceVersion}
	}
	before := versions()
	var patched []string
	w.reconciler.Client = beforePatch(t, func(object client.Object) { patched = append(patched, object.GetName()) })
	w.reconcile()
	w.Expect(versions()).To(Equal(before))
	w.Expect(patched).To(BeEmpty())
	w.stands("", two)
	w.reconcile()
	w.Expect(versions()).NotTo(Equal(before))
	w.Expect(patched).To(Equal([]string{"workers"}), "the writes are seen")
}
