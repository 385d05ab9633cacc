package controlplane

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

func TestMetrics(t *testing.T) {
	w := newWith(t, nil, jwt("module", noon, time.Hour))
	collector := w.reconciler.Collector()
	expect := func(want string) {
		t.Helper()
		want = strings.ReplaceAll(want, "PLANE", `name="p",namespace="`+w.namespace+`"`)
		w.Expect(testutil.CollectAndCompare(collector, strings.NewReader(want), metricNames(want)...)).To(Succeed())
	}
	w.clusters.silent = true
	w.settle()
	expect(`
# HELP capt_controlplanes_without_kubeconfig CAPTControlPlanes without a valid kubeconfig Secret.
# TYPE capt_controlplanes_without_kubeconfig gauge
capt_controlplanes_without_kubeconfig 1
`)
	w.clusters.silent, w.clusters.token = false, w.own(noon, 24*time.Hour)
	w.settle()
	damaged := w.secret("c-kubeconfig")
	damaged.Data["value"] = []byte("nonsense")
	w.update(damaged)
	w.reconcile() // a repair is no renewal
	w.clusters.token = w.own(noon.Add(12*time.Hour), 24*time.Hour)
	w.at(12 * time.Hour).reconcile()
	expect(`
# HELP capt_controlplanes_without_kubeconfig CAPTControlPlanes without a valid kubeconfig Secret.
# TYPE capt_controlplanes_without_kubeconfig gauge
capt_controlplanes_without_kubeconfig 0
# HELP capt_kubeconfig_conflicts Secrets of others under names that a CAPTControlPlane publishes.
# TYPE capt_kubeconfig_conflicts gauge
capt_kubeconfig_conflicts{PLANE} 0
# HELP capt_kubeconfig_expiration_timestamp_seconds When the published credential of a CAPTControlPlane ends; absent if it does not end.
# TYPE capt_kubeconfig_expiration_timestamp_seconds gauge
capt_kubeconfig_expiration_timestamp_seconds{PLANE} 1.7674848e+09
# HELP capt_kubeconfig_last_success_timestamp_seconds When the kubeconfig Secrets of a CAPTControlPlane were last found or made right.
# TYPE capt_kubeconfig_last_success_timestamp_seconds gauge
capt_kubeconfig_last_success_timestamp_seconds{PLANE} 1.7673984e+09
# HELP capt_kubeconfig_renewals_total Kubeconfigs that were published in the place of another, by credential (Outputs, ServiceAccountToken).
# TYPE capt_kubeconfig_renewals_total counter
capt_kubeconfig_renewals_total{credential="ServiceAccountToken"} 1
`)
	w.at(36 * time.Hour)
	expect(`
# HELP capt_controlplanes_without_kubeconfig CAPTControlPlanes without a valid kubeconfig Secret.
# TYPE capt_controlplanes_without_kubeconfig gauge
capt_controlplanes_without_kubeconfig 1
`)
	for range 2 {
		w.reconcile()
	}
	expect(`
# HELP capt_kubeconfig_failures_total How often KubeconfigReady became false, or false for another reason, by reason.
# TYPE capt_kubeconfig_failures_total counter
capt_kubeconfig_failures_total{reason="CredentialExpired"} 1
`)
	w.reconciler.forget(w.key("p"))
	w.Expect(testutil.CollectAndCount(collector, "capt_kubeconfig_conflicts")).To(BeZero())
	w.Expect(w.clusters.forgotten).To(HaveLen(1))
}

// without is how many control planes count as without a kubeconfig.
func (w *world) without() float64 {
	w.t.Helper()
	const name = "capt_controlplanes_without_kubeconfig"
	registry := prometheus.NewPedanticRegistry()
	w.Expect(registry.Register(collector{&w.reconciler.metrics, w.clock})).To(Succeed())
	families, err := registry.Gather()
	w.Expect(err).NotTo(HaveOccurred())
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	w.t.Fatalf("there is no %s", name)
	return 0
}

// refusing is a client that refuses requests.
func refusing(t *testing.T, funcs interceptor.Funcs) client.Client {
	t.Helper()
	direct, err := client.NewWithWatch(env.Config, client.Options{Scheme: env.Scheme})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return interceptor.NewClient(direct, funcs)
}

func TestASecretThatWasNeverWrittenCountsForNone(t *testing.T) {
	w := newWorld(t, nil)
	w.reconciler.Collector()
	w.reconcile()
	w.stands(w.apply(), "", parts("hush-hush"))
	w.reconciler.Client = refusing(t, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			if _, is := obj.(*corev1.Secret); is {
				return apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, obj.GetName(), errors.New("exceeded quota"))
			}
			return c.Create(ctx, obj, opts...)
		}})
	for range 3 {
		_, _ = w.tryReconcile()
	}
	w.Expect(w.condition("KubeconfigReady")).To(Equal("False PublishFailed"))
	w.Expect(w.without()).To(Equal(1.0))
	w.reconciler.Client = env.Client
	w.reconcile()
	w.Expect(w.without()).To(BeZero())
}

func TestAReadThatFailsChangesNoMetric(t *testing.T) {
	w := newPublished(t)
	w.reconciler.Collector()
	secret := w.secret("c-ca")
	secret.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "x", UID: "u", Controller: ptr.To(true)}}
	w.update(secret)
	w.reconcile()
	w.Expect(testutil.CollectAndCount(collector{&w.reconciler.metrics, w.clock}, "capt_kubeconfig_conflicts")).To(Equal(1))
	w.Expect(w.reconciler.metrics.planes[w.key("p")].conflicts).To(Equal(1))
	w.reconciler.Live = refusing(t, interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return errors.New("away")
		}})
	_, _ = w.tryReconcile()
	w.Expect(w.reconciler.metrics.planes[w.key("p")].conflicts).To(Equal(1))
	w.Expect(w.without()).To(BeZero())
}

// metricNames are those of a text.
func metricNames(text string) (names []string) {
	for line := range strings.Lines(text) {
		if rest, is := strings.CutPrefix(line, "# TYPE "); is {
			names = append(names, strings.Fields(rest)[0])
		}
	}
	return names
}

func TestJumps(t *testing.T) {
	g := NewWithT(t)
	j := jumps{}
	look := func(wall, monotonic time.Duration) bool { return j.look(noon.Add(wall), noon.Add(monotonic)) }
	g.Expect(look(time.Hour, 0)).To(BeFalse(), "there is nothing to compare with")
	g.Expect(look(time.Hour+10*time.Second, 10*time.Second)).To(BeFalse())
	g.Expect(look(time.Hour+24*time.Second, 20*time.Second)).To(BeFalse(), "it was corrected a little")
	g.Expect(look(time.Hour+40*time.Second, 30*time.Second)).To(BeTrue(), "forward")
	g.Expect(look(time.Hour+50*time.Second, 40*time.Second)).To(BeFalse())
	g.Expect(look(0, 50*time.Second)).To(BeTrue(), "back")
}
