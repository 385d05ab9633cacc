package controlplane

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestAnAnswerFromBeforeARunDoesNotCount(t *testing.T) {
	w := newPublished(t)
	applied := func(at time.Duration) {
		apply := w.apply()
		apply.Status.LastAppliedTime = metav1.NewTime(noon.Add(at))
		w.Expect(env.Client.Status().Update(t.Context(), apply)).To(Succeed())
	}
	for _, tt := range []struct {
		why                 string
		applied, now, since time.Duration
	}{
		{"a run ended a moment ago", 58 * time.Second, time.Minute, 58 * time.Second},
		{"a run ended right now", time.Minute, time.Minute, time.Minute},
		{"a run ended long ago", 20 * time.Second, time.Minute, 50 * time.Second},
		{"a run ended by another clock", time.Hour, time.Minute, 50 * time.Second},
	} {
		applied(tt.applied)
		w.at(tt.now).reconcile()
		w.Expect(w.clusters.since.UTC()).To(Equal(noon.Add(tt.since)), tt.why)
	}
}
