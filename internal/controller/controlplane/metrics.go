package controlplane

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/cluster-api/util/conditions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
)

// metrics tell how the kubeconfigs of all control planes stand. They are what
// was last found; a credential that has ended counts as none by itself.
type metrics struct {
	mu     sync.Mutex
	planes map[types.NamespacedName]*known

	renewals, failures *prometheus.CounterVec
}

// known is what is known of one control plane's kubeconfig.
type known struct {
	// expires is zero if the credential does not end.
	expires, lastSuccess time.Time
	conflicts            int
	// failing is the reason why KubeconfigReady is not true; "" if it is.
	failing string
	// published tells whether there is a good one at all.
	published bool
}

// valid tells whether a good kubeconfig is out.
func (k known) valid(now time.Time) bool {
	return k.published && (k.expires.IsZero() || now.Before(k.expires))
}

func (m *metrics) init() {
	m.planes = map[types.NamespacedName]*known{}
	m.renewals = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "capt_kubeconfig_renewals_total",
		Help: "Kubeconfigs that were published in the place of another, by credential (Outputs, ServiceAccountToken).",
	}, []string{"credential"})
	m.failures = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "capt_kubeconfig_failures_total",
		Help: "How often KubeconfigReady became false, or false for another reason, by reason.",
	}, []string{"reason"})
}

// observe keeps how a control plane stands after a reconcile.
func (m *metrics) observe(s *scope, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.planes == nil {
		m.init()
	}
	key := client.ObjectKeyFromObject(s.plane)
	if !s.plane.DeletionTimestamp.IsZero() {
		delete(m.planes, key)
		return
	}
	k := m.planes[key]
	if k == nil {
		k = &known{}
		m.planes[key] = k
	}
	k.note(s, now)
	failing := ""
	if c := conditions.Get(s.plane, controlplanev1.KubeconfigReadyCondition); c != nil && c.Status == "False" {
		failing = c.Reason
	}
	if failing != "" && failing != k.failing {
		m.failures.WithLabelValues(failing).Inc()
	}
	k.failing = failing
	if s.renewed {
		m.renewals.WithLabelValues(string(s.credential)).Inc()
	}
}

func (k *known) note(s *scope, now time.Time) {
	if s.described {
		k.conflicts = s.conflicts
	}
	if s.secrets != nil {
		k.published, k.expires = s.isOut, s.plane.Status.Kubeconfig.ExpirationTime.Time
	}
	if s.kubeconfig != nil && conditions.IsTrue(s.plane, controlplanev1.KubeconfigReadyCondition) {
		k.lastSuccess = now
	}
}

func (m *metrics) forget(key types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.planes, key)
}

// Collector gives the metrics of the kubeconfigs to Prometheus. It is called
// once, before the first reconcile.
func (r *Reconciler) Collector() prometheus.Collector {
	r.metrics.init()
	return collector{&r.metrics, r.Clock}
}

type collector struct {
	*metrics
	clock clock.PassiveClock
}

var (
	planeLabels = []string{"namespace", "name"}

	expirationDesc = prometheus.NewDesc("capt_kubeconfig_expiration_timestamp_seconds",
		"When the published credential of a CAPTControlPlane ends; absent if it does not end.", planeLabels, nil)
	successDesc = prometheus.NewDesc("capt_kubeconfig_last_success_timestamp_seconds",
		"When the kubeconfig Secrets of a CAPTControlPlane were last found or made right.", planeLabels, nil)
	conflictsDesc = prometheus.NewDesc("capt_kubeconfig_conflicts",
		"Secrets of others under names that a CAPTControlPlane publishes.", planeLabels, nil)
	invalidDesc = prometheus.NewDesc("capt_controlplanes_without_kubeconfig",
		"CAPTControlPlanes without a valid kubeconfig Secret.", nil, nil)
)

// Describe is prometheus.Collector's.
func (c collector) Describe(descriptions chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{expirationDesc, successDesc, conflictsDesc, invalidDesc} {
		descriptions <- d
	}
	c.renewals.Describe(descriptions)
	c.failures.Describe(descriptions)
}

// Collect is prometheus.Collector's.
func (c collector) Collect(out chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, invalid := c.clock.Now(), 0
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	for key, k := range c.planes {
		if !k.expires.IsZero() {
			gauge(expirationDesc, float64(k.expires.Unix()), key.Namespace, key.Name)
		}
		if !k.lastSuccess.IsZero() {
			gauge(successDesc, float64(k.lastSuccess.Unix()), key.Namespace, key.Name)
		}
		gauge(conflictsDesc, float64(k.conflicts), key.Namespace, key.Name)
		if !k.valid(now) {
			invalid++
		}
	}
	if len(c.planes) > 0 { // who does not lead knows none, and says nothing
		gauge(invalidDesc, float64(invalid))
	}
	c.renewals.Collect(out)
	c.failures.Collect(out)
}
