package deployed

import (
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// deleteManager deletes the pod of the manager and returns when another works.
func (s *sandbox) deleteManager() {
	s.Helper()
	before := &corev1.PodList{}
	of := []client.ListOption{client.InNamespace(managerNamespace), client.MatchingLabels{"control-plane": managerName}}
	s.Expect(shared.Client.List(s.Context(), before, of...)).To(Succeed())
	s.Expect(before.Items).To(HaveLen(1))
	s.Expect(shared.Client.Delete(s.Context(), &before.Items[0])).To(Succeed())
	s.eventually(func(g Gomega) {
		now := &corev1.PodList{}
		g.Expect(shared.Client.List(s.Context(), now, of...)).To(Succeed())
		g.Expect(now.Items).To(HaveLen(1))
		g.Expect(now.Items[0].Name).NotTo(Equal(before.Items[0].Name))
		g.Expect(ready(now.Items[0])).To(BeTrue())
	})
}

func ready(pod corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(condition corev1.PodCondition) bool {
		return condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue
	})
}

// The run goes on without a manager, and the next one reads its result.
func TestTheManagerIsDeletedDuringARun(t *testing.T) {
	s := newSandbox(t)
	runs := s.survives(func() {
		before := s.runningPod(stock)
		s.deleteManager()
		s.Expect(s.runningPod(stock).UID).To(Equal(before.UID))
	})
	s.Expect(runs).To(Equal([]string{"Apply Succeeded", "Apply Succeeded"}))
}

// The runner is told to stop, ends in order, and the result is not lost with the
// pod.
func TestThePodOfARunIsDeleted(t *testing.T) {
	s := newSandbox(t)
	runs := s.survives(func() {
		pod := s.runningPod(stock)
		s.Expect(shared.Client.Delete(t.Context(), pod)).To(Succeed())
		s.eventually(func(g Gomega) {
			g.Expect(s.runs(stock)).To(ContainElement("Apply Failed Interrupted"))
			err := shared.Client.Get(t.Context(), client.ObjectKeyFromObject(pod), pod)
			g.Expect(client.IgnoreNotFound(err)).NotTo(HaveOccurred())
			g.Expect(err).To(HaveOccurred(), "the pod is let go when its result is recorded")
		})
	})
	s.Expect(runs).To(Equal([]string{"Apply Succeeded", "Apply Failed Interrupted", "Apply Succeeded"}))
}

// Runner and manager are killed at once. The lock of the dead run is released.
func TestTheNodeIsRebootedDuringARun(t *testing.T) {
	s := newSandbox(t)
	runs := s.survives(func() { s.Expect(shared.Reboot(t.Context())).To(Succeed()) })
	s.Expect(runs).To(Equal([]string{"Apply Succeeded", "Apply Lost Lost", "Apply Succeeded"}))
}
