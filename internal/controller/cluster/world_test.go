package cluster

import (
	"context"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/conditions"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/phase"
	"github.com/captproject/capt/test/envtest"
)

// world is an API server with the CAPTCluster `i` of the Cluster `c`, and the
// test in the part of the workspace controller.
type world struct {
	*WithT
	t          *testing.T
	namespace  string
	reconciler *Reconciler
}

// newWorld makes the objects, changed by the test, and brings them to the point
// where all of a reconcile is done.
func newWorld(t *testing.T, change func(*infrav1.CAPTCluster, *clusterv1.Cluster)) *world {
	t.Helper()
	w := &world{WithT: NewWithT(t), t: t, namespace: env.Namespace(t)}
	w.reconciler = &Reconciler{
		Client: envtest.WithoutFinalizers(env.Client), Live: env.Client,
		Reporter: phase.Reporter{Controller: "test", Recorder: &events.FakeRecorder{}},
	}
	infra := &infrav1.CAPTCluster{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "i"},
		Spec:       infrav1.CAPTClusterSpec{WorkspaceTemplateRef: &infrav1.WorkspaceTemplateReference{Name: "t"}},
	}
	cluster := newCluster(w.namespace)
	if change != nil {
		change(infra, cluster)
	}
	w.create(cluster)
	infra.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: clusterv1.GroupVersion.String(), Kind: "Cluster", Name: cluster.Name, UID: cluster.UID,
	}}
	w.create(infra)
	w.reconcile() // the finalizer
	return w
}

func newCluster(namespace string) *clusterv1.Cluster {
	return &clusterv1.Cluster{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "c"},
		Spec: clusterv1.ClusterSpec{
			InfrastructureRef: clusterv1.ContractVersionedObjectReference{APIGroup: infrav1.GroupVersion.Group, Kind: "CAPTCluster", Name: "i"},
			ControlPlaneRef:   clusterv1.ContractVersionedObjectReference{APIGroup: controlplanev1.GroupVersion.Group, Kind: "CAPTControlPlane", Name: "p"},
		},
	}
}

func (w *world) create(obj client.Object) {
	w.t.Helper()
	w.Expect(env.Client.Create(context.Background(), obj)).To(Succeed())
}

func (w *world) update(obj client.Object) {
	w.t.Helper()
	w.Expect(env.Client.Update(context.Background(), obj)).To(Succeed())
}

func (w *world) key(name string) client.ObjectKey {
	return client.ObjectKey{Namespace: w.namespace, Name: name}
}

func (w *world) get(name string, into client.Object) {
	w.t.Helper()
	w.Expect(env.Client.Get(context.Background(), w.key(name), into)).To(Succeed())
}

func (w *world) reconcile() {
	w.t.Helper()
	result, err := w.reconciler.Reconcile(context.Background(), ctrl.Request{NamespacedName: w.key("i")})
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(result).To(BeZero(), "watches wake us")
}

func (w *world) infra() *infrav1.CAPTCluster {
	w.t.Helper()
	infra := &infrav1.CAPTCluster{}
	w.get("i", infra)
	return infra
}

func (w *world) apply() *infrav1.WorkspaceTemplateApply {
	w.t.Helper()
	apply := &infrav1.WorkspaceTemplateApply{}
	w.get("i-infrastructure", apply)
	return apply
}

// expectReady checks the condition InfrastructureReady, and that Ready follows.
func (w *world) expectReady(condition string) {
	w.t.Helper()
	all := map[string]string{}
	for _, found := range w.infra().Status.Conditions {
		all[found.Type] = string(found.Status) + " " + found.Reason
	}
	w.Expect(all).To(HaveKeyWithValue("InfrastructureReady", condition))
	ready := "False NotReady"
	if condition == "True InfrastructureReady" {
		ready = "True Ready"
	}
	w.Expect(all).To(HaveKeyWithValue("Ready", ready))
}

// stands has the workspace stand so that Applied is as given ("" is true), with
// outputs if they are not "".
func (w *world) stands(reason, outputs string) {
	w.t.Helper()
	apply := w.apply()
	status := metav1.ConditionTrue
	if reason == "" {
		reason = "Applied"
	} else {
		status = metav1.ConditionFalse
	}
	for _, condition := range []string{infrav1.AppliedCondition, infrav1.ReadyCondition} {
		conditions.Set(apply, metav1.Condition{Type: condition, Status: status, Reason: reason, Message: "so it is"})
	}
	apply.Status.ObservedGeneration = apply.Generation
	if outputs != "" {
		apply.Status.OutputsSecretName = "i-infrastructure-outputs"
		w.store(apply.Status.OutputsSecretName, outputs)
	}
	w.Expect(env.Client.Status().Update(context.Background(), apply)).To(Succeed())
}

func (w *world) store(name, outputs string) {
	w.t.Helper()
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name},
		StringData: map[string]string{"outputs.json": outputs},
	}
	w.Expect(client.IgnoreNotFound(env.Client.Delete(context.Background(), secret.DeepCopy()))).To(Succeed())
	w.create(secret)
}

// noting is a client whose writes are noted.
func noting(t *testing.T, writes *[]string) client.Client {
	t.Helper()
	direct, err := client.NewWithWatch(env.Config, client.Options{Scheme: env.Scheme})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	note := func(verb string, obj client.Object) { *writes = append(*writes, verb+" "+obj.GetName()) }
	return interceptor.NewClient(direct, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			note("create", obj)
			return c.Create(ctx, obj, opts...)
		},
		Update: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
			note("update", obj)
			return c.Update(ctx, obj, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
			note("patch", obj)
			return c.Patch(ctx, obj, patch, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.DeleteOption) error {
			note("delete", obj)
			return c.Delete(ctx, obj, opts...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
			note("patch "+sub, obj)
			return c.SubResource(sub).Patch(ctx, obj, patch, opts...)
		},
	})
}
