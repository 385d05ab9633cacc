package phase

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var durations = prometheus.NewHistogramVec(prometheus.HistogramOpts{
	Name:    "capt_phase_duration_seconds",
	Help:    "Duration of the phases of reconciles, by controller, phase and outcome (Done, Undecided, Wait, Fail, Block).",
	Buckets: prometheus.ExponentialBuckets(0.001, 4, 8),
}, []string{"controller", "phase", "outcome"})

func init() { metrics.Registry.MustRegister(durations) }

// observed runs a phase and keeps its duration and outcome.
func observed[S any](ctx context.Context, controller string, p Phase[S], scope S) Outcome {
	log := ctrl.LoggerFrom(ctx).WithValues("phase", p.Name)
	start := time.Now()
	outcome := p.Run(ctrl.LoggerInto(ctx, log), scope)
	durations.WithLabelValues(controller, p.Name, string(outcome.kind)).Observe(time.Since(start).Seconds())
	log.V(4).Info("Phase ended", "outcome", outcome.kind, "reason", outcome.reason)
	return outcome
}
