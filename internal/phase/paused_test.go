package phase_test

import (
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/conditions"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/captproject/capt/internal/phase"
)

func TestThatANewObjectIsNotPausedIsWrittenWithAllElse(t *testing.T) {
	w := newWritten(t)
	writer := w.writer()
	isPaused, requeue, err := phase.EnsurePausedCondition(t.Context(), idle{}, nil, w.run)
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(isPaused).To(BeFalse())
	w.Expect(requeue).To(BeFalse())
	_, err = phase.Finish(t.Context(), reporter(nil), writer, w.run, ctrl.Result{}, nil)
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(conditions.IsFalse(w.stored(), clusterv1.PausedCondition)).To(BeTrue())
}

func TestThatAnObjectIsPausedIsWrittenAtOnce(t *testing.T) {
	w := newWritten(t)
	metav1.SetMetaDataAnnotation(&w.run.ObjectMeta, clusterv1.PausedAnnotation, "")
	w.Expect(env.Client.Update(t.Context(), w.run)).To(Succeed())
	expect := func(isPaused bool) {
		t.Helper()
		paused, requeue, err := phase.EnsurePausedCondition(t.Context(), env.Client, nil, w.run)
		w.Expect(err).NotTo(HaveOccurred())
		w.Expect(paused).To(Equal(isPaused))
		w.Expect(requeue).To(BeTrue())
		w.Expect(conditions.IsTrue(w.stored(), clusterv1.PausedCondition)).To(Equal(isPaused))
	}
	expect(true)
	delete(w.run.Annotations, clusterv1.PausedAnnotation)
	expect(false)
}
