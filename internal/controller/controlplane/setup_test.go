package controlplane

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/workspace"
)

func TestASecretOfTheNameWakes(t *testing.T) {
	w := newWorld(t, func(_ *controlplanev1.CAPTControlPlane, cluster *clusterv1.Cluster) { cluster.Name = "a-control-plane" })
	ours := ctrl.Request{NamespacedName: w.key("p")}
	// Whether there is such a control plane is found out when it is reconciled.
	perhaps := ctrl.Request{NamespacedName: w.key("a")}
	for name, want := range map[string][]ctrl.Request{
		"p-control-plane-kubeconfig": {ours},
		"a-control-plane-kubeconfig": {perhaps, ours},
		"a-control-plane-ca":         {ours},
		"other-kubeconfig":           nil,
		"other":                      nil,
	} {
		secret := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}}
		w.Expect(w.reconciler.ofSecretName(t.Context(), secret)).To(Equal(want), name)
	}
	elsewhere := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "elsewhere", Name: "a-control-plane-ca"}}
	w.Expect(w.reconciler.ofSecretName(t.Context(), elsewhere)).To(BeEmpty())
}

func TestACluster(t *testing.T) {
	g := NewWithT(t)
	cluster := newCluster("n")
	g.Expect(ofCluster(t.Context(), cluster)).To(HaveLen(1))
	g.Expect(ofCluster(t.Context(), cluster)[0].String()).To(Equal("n/p"))
	cluster.Spec.ControlPlaneRef.Kind = "Other"
	g.Expect(ofCluster(t.Context(), cluster)).To(BeEmpty())
}

func TestTheInfrastructureWakes(t *testing.T) {
	w := newWorld(t, nil)
	infra := &infrav1.CAPTCluster{}
	w.get("i", infra)
	wakes := workspace.OfOwnerCluster(env.Client, ofCluster)
	w.Expect(wakes(t.Context(), infra)).To(BeEmpty(), "it has no owner yet")
	infra.OwnerReferences = w.plane().OwnerReferences
	w.Expect(wakes(t.Context(), infra)).To(Equal([]ctrl.Request{{NamespacedName: w.key("p")}}))

	told := infra.DeepCopy()
	told.Status.VPCID = "vpc-1"
	w.Expect(workspace.Wishes().Update(event.UpdateEvent{ObjectOld: infra, ObjectNew: told})).To(BeFalse())
	told.Annotations = map[string]string{clusterv1.ManagedByAnnotation: "others"}
	w.Expect(workspace.Wishes().Update(event.UpdateEvent{ObjectOld: infra, ObjectNew: told})).To(BeTrue())
}

// start has a manager run the reconciler on the namespace of the world.
func (w *world) start() {
	w.t.Helper()
	mgr, err := manager.New(env.Config, manager.Options{
		Scheme:  env.Scheme,
		Metrics: metricsserver.Options{BindAddress: "0"},
		Cache:   cache.Options{DefaultNamespaces: map[string]cache.Config{w.namespace: {}}},
		Client:  client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}}}},
	})
	w.Expect(err).NotTo(HaveOccurred())
	w.reconciler.Answered = make(chan event.TypedGenericEvent[types.NamespacedName])
	w.reconciler.Client, w.reconciler.Live = mgr.GetClient(), mgr.GetAPIReader()
	w.Expect(w.reconciler.SetupWithManager(w.t.Context(), mgr, controller.Options{})).To(Succeed())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = mgr.Start(w.t.Context())
	}()
	w.t.Cleanup(func() { <-stopped }) // the context ends before
}

// TestAManagerIsWoken drives nothing: all that happens is that others write.
func TestAManagerIsWoken(t *testing.T) {
	w := newWorld(t, func(plane *controlplanev1.CAPTControlPlane, _ *clusterv1.Cluster) {
		plane.Spec.WorkspaceTemplateRef, plane.Spec.WorkspaceTemplateApplyName = nil, "theirs"
	})
	foreign := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: w.namespace, Name: "c-kubeconfig",
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "x", UID: "u", Controller: ptr.To(true)}},
	}, Type: clusterv1.ClusterSecretType}
	w.create(foreign)
	w.start()
	eventually := func(what func() bool, why string) {
		t.Helper()
		w.Eventually(what).WithTimeout(30*time.Second).Should(BeTrue(), why)
	}
	uid := func(name string) string {
		secret := &corev1.Secret{}
		if !w.has(name, secret) {
			return ""
		}
		return string(secret.UID)
	}
	eventually(func() bool { return w.condition("WorkspaceReady") == "False WorkspaceNotFound" }, "the control plane is seen")

	theirs := &infrav1.WorkspaceTemplateApply{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "theirs"},
		Spec:       infrav1.WorkspaceTemplateApplySpec{TemplateRef: infrav1.WorkspaceTemplateReference{Name: "t"}},
	}
	w.create(theirs)
	w.stands(theirs, "", parts("hush-hush"))
	eventually(func() bool { return w.condition("KubeconfigReady") == "False SecretForeign" }, "the workspace is ready")
	w.delete(foreign)
	eventually(func() bool { return w.condition("Available") == "True Available" }, "what was in the way has gone")

	for _, name := range published {
		secret := w.secret(name)
		w.delete(secret)
		eventually(func() bool { return uid(name) != "" && uid(name) != string(secret.UID) }, name+" was deleted")
		secret = w.secret(name)
		secret.Labels, secret.OwnerReferences, secret.Data = nil, nil, nil
		w.update(secret)
		eventually(func() bool { return len(w.secret(name).Data) > 0 && len(w.secret(name).Labels) > 0 }, name+" was damaged")
	}
}
