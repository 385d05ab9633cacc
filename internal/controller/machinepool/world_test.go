package machinepool

import (
	"context"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/conditions"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/phase"
	"github.com/captproject/capt/test/envtest"
)

// parts are the objects of a world.
type parts struct {
	pool    *infrav1.CAPTMachinePool
	owner   *clusterv1.MachinePool
	cluster *clusterv1.Cluster
	infra   *infrav1.CAPTCluster
	plane   *controlplanev1.CAPTControlPlane
}

func newParts(namespace string) *parts {
	meta := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: namespace, Name: name} }
	ref := func(group, kind, name string) clusterv1.ContractVersionedObjectReference {
		return clusterv1.ContractVersionedObjectReference{APIGroup: group, Kind: kind, Name: name}
	}
	template := infrav1.WorkspaceTemplateReference{Name: "t"}
	return &parts{
		pool: &infrav1.CAPTMachinePool{
			ObjectMeta: meta("w"),
			Spec:       infrav1.CAPTMachinePoolSpec{MachinePoolModuleSpec: infrav1.MachinePoolModuleSpec{WorkspaceTemplateRef: template}},
		},
		owner: &clusterv1.MachinePool{
			ObjectMeta: meta("workers"),
			Spec: clusterv1.MachinePoolSpec{
				ClusterName: "c", Replicas: ptr.To[int32](2),
				Template: clusterv1.MachineTemplateSpec{Spec: clusterv1.MachineSpec{
					ClusterName: "c", Version: "v1.34.1",
					Bootstrap:         clusterv1.Bootstrap{DataSecretName: ptr.To("")},
					InfrastructureRef: ref(infrav1.GroupVersion.Group, "CAPTMachinePool", "w"),
				}},
			},
		},
		cluster: &clusterv1.Cluster{
			ObjectMeta: meta("c"),
			Spec: clusterv1.ClusterSpec{
				InfrastructureRef: ref(infrav1.GroupVersion.Group, "CAPTCluster", "i"),
				ControlPlaneRef:   ref(controlplanev1.GroupVersion.Group, "CAPTControlPlane", "p"),
			},
			Status: clusterv1.ClusterStatus{Initialization: clusterv1.ClusterInitializationStatus{
				InfrastructureProvisioned: ptr.To(true), ControlPlaneInitialized: ptr.To(true),
			}},
		},
		infra: &infrav1.CAPTCluster{ObjectMeta: meta("i"), Spec: infrav1.CAPTClusterSpec{WorkspaceTemplateRef: &template}},
		plane: &controlplanev1.CAPTControlPlane{
			ObjectMeta: meta("p"),
			Spec: controlplanev1.CAPTControlPlaneSpec{
				Version: "v1.34.1", ModuleSpec: controlplanev1.ModuleSpec{WorkspaceTemplateRef: &template},
			},
		},
	}
}

// world is an API server with the CAPTMachinePool `w` of the MachinePool
// `workers` in the Cluster `c`, and the test in the part of the workspace
// controller.
type world struct {
	*WithT
	t          *testing.T
	namespace  string
	reconciler *Reconciler
}

// newWorld makes the objects, changed by the test, and brings them to the point
// where all of a reconcile is done.
func newWorld(t *testing.T, change func(*parts)) *world {
	t.Helper()
	w := &world{WithT: NewWithT(t), t: t, namespace: env.Namespace(t)}
	w.reconciler = &Reconciler{
		Client: envtest.WithoutFinalizers(env.Client), Live: env.Client,
		Reporter: phase.Reporter{Controller: "test", Recorder: &events.FakeRecorder{}},
	}
	p := newParts(w.namespace)
	if change != nil {
		change(p)
	}
	status := p.cluster.Status
	w.create(p.cluster)
	p.cluster.Status = status
	w.Expect(env.Client.Status().Update(context.Background(), p.cluster)).To(Succeed())
	w.create(p.infra)
	w.create(p.plane)
	w.create(p.owner)
	p.pool.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(p.owner, clusterv1.GroupVersion.WithKind("MachinePool"))}
	w.create(p.pool)
	w.reconcile() // the finalizer
	return w
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
	result, err := w.reconciler.Reconcile(context.Background(), ctrl.Request{NamespacedName: w.key("w")})
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(result).To(BeZero(), "watches wake us")
}

func (w *world) pool() *infrav1.CAPTMachinePool {
	w.t.Helper()
	pool := &infrav1.CAPTMachinePool{}
	w.get("w", pool)
	return pool
}

func (w *world) owner() *clusterv1.MachinePool {
	w.t.Helper()
	owner := &clusterv1.MachinePool{}
	w.get("workers", owner)
	return owner
}

func (w *world) apply() *infrav1.WorkspaceTemplateApply {
	w.t.Helper()
	apply := &infrav1.WorkspaceTemplateApply{}
	w.get("w-machine-pool", apply)
	return apply
}

// expect checks the conditions, and that Ready follows.
func (w *world) expect(workspace, providerIDs string) {
	w.t.Helper()
	all := map[string]string{}
	for _, found := range w.pool().Status.Conditions {
		all[found.Type] = string(found.Status) + " " + found.Reason
	}
	ready := "False NotReady"
	if workspace == "True WorkspaceReady" && providerIDs == "True ProviderIDsAvailable" {
		ready = "True Ready"
	}
	w.Expect(all).To(Equal(map[string]string{
		"WorkspaceReady": workspace, "ProviderIDsAvailable": providerIDs, "Ready": ready, "Paused": "False NotPaused", "Deleting": "False NotDeleting",
	}))
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
		apply.Status.OutputsSecretName = "w-machine-pool-outputs"
		secret := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: apply.Status.OutputsSecretName},
			StringData: map[string]string{"outputs.json": outputs},
		}
		w.Expect(client.IgnoreNotFound(env.Client.Delete(context.Background(), secret.DeepCopy()))).To(Succeed())
		w.create(secret)
	}
	w.Expect(env.Client.Status().Update(context.Background(), apply)).To(Succeed())
}
