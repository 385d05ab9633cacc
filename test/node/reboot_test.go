package node

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestRebootStartsPodsAgain(t *testing.T) {
	s := newSandbox(t)
	s.createPod()
	before := s.running("")
	id := strings.TrimPrefix(before.Status.ContainerStatuses[0].ContainerID, "containerd://")
	s.Expect(processes(s.WithT, id)).NotTo(BeEmpty())

	s.Expect(shared.Reboot(t.Context())).To(Succeed())
	s.Expect(processes(s.WithT, id)).To(BeEmpty())
	after := s.running(before.Status.ContainerStatuses[0].ContainerID)
	s.Expect(after.UID).To(Equal(before.UID))
	s.Expect(after.Status.ContainerStatuses[0].RestartCount).To(BeEquivalentTo(1))
}

// A pod that must not be started again has failed, and its Job makes another.
func TestRebootFailsThePodOfAJob(t *testing.T) {
	s := newSandbox(t)
	job := s.createJob("wait")
	before := s.running("")

	s.Expect(shared.Reboot(t.Context())).To(Succeed())
	s.eventually(func(g Gomega) {
		g.Expect(shared.Client.Get(t.Context(), client.ObjectKeyFromObject(job), job)).To(Succeed())
		g.Expect(job.Status.Failed).To(BeEquivalentTo(1))
		g.Expect(job.Status.Active).To(BeEquivalentTo(1))
	})
	s.eventually(func(g Gomega) {
		phases := map[corev1.PodPhase]bool{}
		for _, pod := range s.pods(t.Context()) {
			phases[pod.Status.Phase] = pod.UID == before.UID
		}
		g.Expect(phases).To(Equal(map[corev1.PodPhase]bool{corev1.PodFailed: true, corev1.PodRunning: false}))
	})
}
