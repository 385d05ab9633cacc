package controlplane

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
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

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// ca is a CA certificate in PEM, valid around noon.
var ca = newCA()

func newCA() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"},
		NotBefore: noon.Add(-time.Hour), NotAfter: noon.Add(100000 * time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// world is an API server with the CAPTControlPlane `p` of the Cluster `c`, whose
// infrastructure is there, and the test in the part of the workspace controller
// and of the API server of `c`.
type world struct {
	*WithT
	t          *testing.T
	namespace  string
	reconciler *Reconciler
	clock      *clocktesting.FakePassiveClock
	// clusters is the API server of the cluster.
	clusters *fakeClusters
}

// newWorld makes the objects, changed by the test, and brings them to the point
// where all of a reconcile is done.
func newWorld(t *testing.T, change func(*controlplanev1.CAPTControlPlane, *clusterv1.Cluster)) *world {
	t.Helper()
	w := &world{WithT: NewWithT(t), t: t, namespace: env.Namespace(t), clock: clocktesting.NewFakePassiveClock(noon)}
	w.clusters = &fakeClusters{clock: w.clock, version: "v1.34.1"}
	w.reconciler = &Reconciler{
		Client: envtest.WithoutFinalizers(env.Client), Live: env.Client, Clock: w.clock, Clusters: w.clusters,
		Reporter: phase.Reporter{Controller: "test", Recorder: &events.FakeRecorder{}},
	}
	plane, cluster := newPlane(w.namespace), newCluster(w.namespace)
	if change != nil {
		change(plane, cluster)
	}
	w.create(cluster)
	w.create(&infrav1.CAPTCluster{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "i"},
		Spec:       infrav1.CAPTClusterSpec{WorkspaceTemplateRef: &infrav1.WorkspaceTemplateReference{Name: "t"}},
	})
	w.provisioned(true)
	plane.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: clusterv1.GroupVersion.String(), Kind: "Cluster", Name: cluster.Name, UID: w.cluster().UID,
	}}
	w.create(plane)
	w.reconcile() // the finalizer
	return w
}

func newPlane(namespace string) *controlplanev1.CAPTControlPlane {
	plane := &controlplanev1.CAPTControlPlane{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "p"}}
	plane.Spec.Version = "v1.34.1"
	plane.Spec.WorkspaceTemplateRef = &infrav1.WorkspaceTemplateReference{Name: "t"}
	plane.Spec.Kubeconfig = &controlplanev1.KubeconfigSpec{Credential: controlplanev1.CredentialOutputs}
	return plane
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

func (w *world) delete(obj client.Object) {
	w.t.Helper()
	w.Expect(env.Client.Delete(context.Background(), obj)).To(Succeed())
}

func (w *world) key(name string) client.ObjectKey {
	return client.ObjectKey{Namespace: w.namespace, Name: name}
}

func (w *world) get(name string, into client.Object) {
	w.t.Helper()
	w.Expect(env.Client.Get(context.Background(), w.key(name), into)).To(Succeed())
}

func (w *world) has(name string, kind client.Object) bool {
	w.t.Helper()
	err := env.Client.Get(context.Background(), w.key(name), kind)
	if !apierrors.IsNotFound(err) {
		w.Expect(err).NotTo(HaveOccurred())
	}
	return err == nil
}

// reconcile reconciles, and once more if the digest of what is to be published
// was noted: that write wakes a manager.
func (w *world) reconcile() ctrl.Result {
	w.t.Helper()
	before := w.note()
	result, err := w.tryReconcile()
	w.Expect(err).NotTo(HaveOccurred())
	if w.note() != before {
		result, err = w.tryReconcile()
		w.Expect(err).NotTo(HaveOccurred())
	}
	return result
}

func (w *world) tryReconcile() (ctrl.Result, error) {
	return w.reconciler.Reconcile(context.Background(), ctrl.Request{NamespacedName: w.key("p")})
}

func (w *world) note() string {
	plane := &controlplanev1.CAPTControlPlane{}
	w.Expect(client.IgnoreNotFound(env.Client.Get(context.Background(), w.key("p"), plane))).To(Succeed())
	return plane.Annotations[digestAnnotation]
}

func (w *world) plane() *controlplanev1.CAPTControlPlane {
	w.t.Helper()
	plane := &controlplanev1.CAPTControlPlane{}
	w.get("p", plane)
	return plane
}

func (w *world) cluster() *clusterv1.Cluster {
	w.t.Helper()
	list := &clusterv1.ClusterList{}
	w.Expect(env.Client.List(context.Background(), list, client.InNamespace(w.namespace))).To(Succeed())
	w.Expect(list.Items).To(HaveLen(1))
	return &list.Items[0]
}

func (w *world) provisioned(is bool) {
	w.t.Helper()
	cluster := w.cluster()
	cluster.Status.Initialization.InfrastructureProvisioned = ptr.To(is)
	w.Expect(env.Client.Status().Update(context.Background(), cluster)).To(Succeed())
}

func (w *world) apply() *infrav1.WorkspaceTemplateApply {
	w.t.Helper()
	apply := &infrav1.WorkspaceTemplateApply{}
	w.get("p-control-plane", apply)
	return apply
}

func (w *world) secret(name string) *corev1.Secret {
	w.t.Helper()
	secret := &corev1.Secret{}
	w.get(name, secret)
	return secret
}

// condition is how a condition stands: "True Reason".
func (w *world) condition(name string) string {
	w.t.Helper()
	for _, found := range w.plane().Status.Conditions {
		if found.Type == name {
			return string(found.Status) + " " + found.Reason
		}
	}
	return ""
}

// message is what a condition says.
func (w *world) message(name string) string {
	w.t.Helper()
	return conditions.GetMessage(w.plane(), name)
}

// stands has a workspace stand so that Applied is as given ("" is true), with
// outputs if they are not nil.
func (w *world) stands(apply *infrav1.WorkspaceTemplateApply, reason string, outputs map[string]string) {
	w.t.Helper()
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
	if outputs != nil {
		apply.Status.OutputsSecretName = apply.Name + "-outputs"
		apply.Status.LastAppliedTime = metav1.NewTime(noon)
		w.store(apply.Status.OutputsSecretName, outputs)
	}
	w.Expect(env.Client.Status().Update(context.Background(), apply)).To(Succeed())
}

// store replaces the outputs in a Secret.
func (w *world) store(name string, outputs map[string]string) {
	w.t.Helper()
	all := map[string]any{}
	for output, value := range outputs {
		all[output] = map[string]any{"sensitive": true, "type": "string", "value": value}
	}
	document, err := json.Marshal(all)
	w.Expect(err).NotTo(HaveOccurred())
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}, Data: map[string][]byte{"outputs.json": document}}
	w.Expect(client.IgnoreNotFound(env.Client.Delete(context.Background(), secret.DeepCopy()))).To(Succeed())
	w.create(secret)
}

// parts are outputs of a good kubeconfig with a token.
func parts(token string) map[string]string {
	return map[string]string{"endpoint": "https://h:6443", "cluster_ca_certificate": ca, "token": token}
}

// newPublished is a world whose control plane has published its kubeconfig.
func newPublished(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, nil)
	w.reconcile()
	w.stands(w.apply(), "", parts("hush-hush"))
	w.reconcile()
	w.reconcile() // the endpoint that was set is a new generation
	w.Expect(w.condition("KubeconfigReady")).To(Equal("True KubeconfigReady"))
	return w
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
