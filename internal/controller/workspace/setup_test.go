package workspace

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// cached is a reconciler that reads from a cache of all there is now.
func cached(t *testing.T) *Reconciler {
	t.Helper()
	g := NewWithT(t)
	seen, err := cache.New(env.Config, cache.Options{Scheme: env.Scheme})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(index(t.Context(), seen)).To(Succeed())
	go func() { _ = seen.Start(t.Context()) }()
	_, err = seen.GetInformer(t.Context(), &infrav1.WorkspaceTemplateApply{})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(seen.WaitForCacheSync(t.Context())).To(BeTrue())
	c, err := client.New(env.Config, client.Options{Scheme: env.Scheme, Cache: &client.CacheOptions{Reader: seen}})
	g.Expect(err).NotTo(HaveOccurred())
	return &Reconciler{Client: c}
}

func TestWhoIsWoken(t *testing.T) {
	g := NewWithT(t)
	here, there := env.Namespace(t), env.Namespace(t)
	request := func(namespace, name string) reconcile.Request {
		return reconcile.Request{NamespacedName: client.ObjectKey{Namespace: namespace, Name: name}}
	}
	for _, workspace := range []struct {
		namespace, name string
		spec            infrav1.WorkspaceTemplateApplySpec
	}{
		{here, "local", infrav1.WorkspaceTemplateApplySpec{TemplateRef: infrav1.WorkspaceTemplateReference{Name: "t"}}},
		{here, "named", infrav1.WorkspaceTemplateApplySpec{TemplateRef: infrav1.WorkspaceTemplateReference{Name: "t", Namespace: here}}},
		{here, "other", infrav1.WorkspaceTemplateApplySpec{TemplateRef: infrav1.WorkspaceTemplateReference{Name: "u"}}},
		{there, "remote", infrav1.WorkspaceTemplateApplySpec{TemplateRef: infrav1.WorkspaceTemplateReference{Name: "t", Namespace: here}}},
		{there, "same", infrav1.WorkspaceTemplateApplySpec{TemplateRef: infrav1.WorkspaceTemplateReference{Name: "t"}}},
		{here, "fed", infrav1.WorkspaceTemplateApplySpec{
			TemplateRef: infrav1.WorkspaceTemplateReference{Name: "u"}, VariablesFrom: []infrav1.VariablesSource{{ApplyRef: "first"}}}},
		{here, "waiting", infrav1.WorkspaceTemplateApplySpec{
			TemplateRef: infrav1.WorkspaceTemplateReference{Name: "u"}, WaitForWorkspaces: []infrav1.LocalReference{{Name: "first"}}}},
		{there, "waiting", infrav1.WorkspaceTemplateApplySpec{
			TemplateRef: infrav1.WorkspaceTemplateReference{Name: "u"}, WaitForWorkspaces: []infrav1.LocalReference{{Name: "first"}}}},
	} {
		obj := newWorkspace(workspace.namespace, workspace.name)
		obj.Spec = workspace.spec
		g.Expect(env.Client.Create(t.Context(), obj)).To(Succeed())
	}
	r := cached(t)

	g.Expect(r.ofTemplate(t.Context(), newTemplate(here))).To(ConsistOf(request(here, "local"), request(here, "named"), request(there, "remote")))
	g.Expect(r.ofDependency(t.Context(), newWorkspace(here, "first"))).To(ConsistOf(request(here, "fed"), request(here, "waiting")))
	g.Expect(r.ofDependency(t.Context(), newWorkspace(here, "local"))).To(BeEmpty())
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: there}}
	g.Expect(r.ofNamespace(t.Context(), namespace)).To(ConsistOf(request(there, "remote")))
}

func TestWhatIsReferredToWakes(t *testing.T) {
	w := newWorld(t, func(workspace *infrav1.WorkspaceTemplateApply) {
		workspace.Spec.Variables = map[string]string{"which": "token"}
		workspace.Spec.WaitForSecrets = []infrav1.LocalReference{{Name: "first"}}
	})
	template := w.template(func(spec *infrav1.WorkspaceTemplateSpec) {
		spec.Template.Spec.ForProvider.Env = []infrav1.EnvVar{{Name: "TOKEN", SecretKeyRef: &infrav1.KeyReference{Name: "${which}", Key: "k"}}}
	})
	woken := func(kind, namespace, name string) []reconcile.Request {
		return w.reconciler.ofReference(kind)(t.Context(), &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}})
	}
	ours := ConsistOf(w.request())

	w.expectInputs("False/WaitingForSecret")
	w.Expect(woken("Secret", w.namespace, "first")).To(ours, "it does not exist yet")
	w.Expect(woken("Secret", w.namespace, "token")).To(BeEmpty(), "it was not asked for yet")
	w.create(w.secret("first", nil))
	w.create(w.secret("token", map[string]string{"k": "hush-hush"}))
	w.expectInputs(resolved)
	w.Expect(woken("Secret", w.namespace, "token")).To(ours)
	w.Expect(woken("ConfigMap", w.namespace, "token")).To(BeEmpty())
	w.Expect(woken("Secret", "elsewhere", "token")).To(BeEmpty())

	template.Spec.Template.Spec.ForProvider.Env = nil
	w.update(template)
	w.expectInputs(resolved)
	w.Expect(woken("Secret", w.namespace, "token")).To(BeEmpty(), "it is not referred to any more")
	w.Expect(woken("Secret", w.namespace, "first")).To(ours)

	w.change(func(workspace *infrav1.WorkspaceTemplateApply) { workspace.Finalizers = nil })
	w.delete(w.workspace())
	w.reconcile()
	w.Expect(woken("Secret", w.namespace, "first")).To(BeEmpty(), "the workspace is gone")
}

// start has a manager run the reconciler on the namespace of the world.
func (w *world) start() {
	w.t.Helper()
	mgr, err := manager.New(env.Config, manager.Options{
		Scheme:  env.Scheme,
		Metrics: metricsserver.Options{BindAddress: "0"},
		Cache:   cache.Options{DefaultNamespaces: map[string]cache.Config{w.namespace: {}}},
		Client:  client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}, &corev1.ConfigMap{}}}},
	})
	w.Expect(err).NotTo(HaveOccurred())
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
	w := newWorld(t, func(workspace *infrav1.WorkspaceTemplateApply) {
		workspace.Spec.WriteConnectionSecretToRef = &infrav1.LocalReference{Name: "connection"}
		workspace.Spec.WaitForWorkspaces = []infrav1.LocalReference{{Name: "first"}}
	})
	w.upToDate(someOutputs)
	w.start()
	eventually := func(what func() bool, why string) {
		t.Helper()
		w.Eventually(what).WithTimeout(30*time.Second).Should(BeTrue(), why)
	}
	resolves := func(want string) func() bool {
		return func() bool { return w.conditions()["InputsResolved"] == want }
	}
	eventually(resolves("False/TemplateNotFound"), "the workspace is seen")
	template := w.template(func(spec *infrav1.WorkspaceTemplateSpec) {
		spec.Template.Spec.ForProvider.Env = []infrav1.EnvVar{
			{Name: "TOKEN", SecretKeyRef: &infrav1.KeyReference{Name: "token", Key: "k"}},
			{Name: "REGION", ConfigMapKeyRef: &infrav1.KeyReference{Name: "region", Key: "k"}},
		}
	})
	eventually(resolves("False/WaitingForWorkspace"), "the template was made")
	first := newWorkspace(w.namespace, "first")
	first.Annotations = map[string]string{"cluster.x-k8s.io/paused": ""} // it is not what is tested
	w.create(first)
	w.Eventually(func() error {
		if err := env.Client.Get(t.Context(), w.key("first"), first); err != nil {
			return err
		}
		first.Status.Conditions = []metav1.Condition{{
			Type: infrav1.ReadyCondition, Status: metav1.ConditionTrue, Reason: "Ready", LastTransitionTime: metav1.Now()}}
		return env.Client.Status().Update(t.Context(), first)
	}).Should(Succeed())
	eventually(resolves("False/SecretNotFound"), "the other workspace is ready")
	w.create(w.secret("token", map[string]string{"k": "hush-hush"}))
	eventually(resolves("False/ConfigMapNotFound"), "the Secret was made")
	w.create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "region"}, Data: map[string]string{"k": "north"}})
	eventually(resolves(resolved), "the ConfigMap was made")
	eventually(func() bool { return w.stored("connection") != nil }, "the outputs are there")

	digest := w.workspace().Status.InputsDigest
	changes := func() bool { return w.workspace().Status.InputsDigest != digest }
	w.update(w.secret("token", map[string]string{"k": "hush-hush-2"}))
	eventually(changes, "the Secret was changed")
	digest = w.workspace().Status.InputsDigest
	template.Spec.Template.Spec.ForProvider.Configuration = "# more"
	w.update(template)
	eventually(changes, "the template was changed")

	w.delete(w.secret("connection", nil))
	eventually(func() bool { return w.stored("connection") != nil }, "the connection Secret was deleted")
}

// They may be somebody else's, whose end the engine waits for.
func TestTheEnginesSecretsWakeTheirWorkspace(t *testing.T) {
	w := newWorld(t, nil)
	w.reconcile()
	for _, name := range []string{"w-outputs", "w-reports"} {
		w.Expect(w.reconciler.ofReference("Secret")(t.Context(), w.secret(name, nil))).To(Equal([]reconcile.Request{w.request()}))
	}
	w.Expect(w.reconciler.ofReference("Secret")(t.Context(), w.secret("w-others", nil))).To(BeEmpty())
}
