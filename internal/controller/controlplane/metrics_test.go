package controlplane

import (
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus/testutil"
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
# HELP capt_kubeconfig_renewals_total Kubeconfigs that were published in the place of another, by credential (Outputs, ServiceAccountToken, UserProvided).
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
