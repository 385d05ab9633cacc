package node

import (
	"net/netip"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestARestrictedJobAsksTheAPIServer(t *testing.T) {
	s := newSandbox(t)
	job := s.createJob()
	s.eventually(func(g Gomega) {
		g.Expect(shared.Client.Get(t.Context(), client.ObjectKeyFromObject(job), job)).To(Succeed())
		g.Expect(job.Status.Failed).To(BeZero())
		g.Expect(job.Status.Succeeded).To(BeEquivalentTo(1))
	})

	pods := s.pods(t.Context())
	s.Expect(pods).To(HaveLen(1))
	status := pods[0].Status
	s.Expect(status.ContainerStatuses[0].State.Terminated.Message).To(Equal("system:serviceaccount:" + s.ns + ":default"))
	address, err := netip.ParseAddr(status.PodIP)
	s.Expect(err).NotTo(HaveOccurred())
	s.Expect(netip.MustParsePrefix(PodNetwork).Contains(address)).To(BeTrue(), "%s is an address of the node", address)
	s.Expect(shared.Logs(s.ns)).To(ContainElement(ContainSubstring("I am system:serviceaccount:" + s.ns)))

	// Owner references are honoured: the pod goes with its Job.
	s.Expect(shared.Client.Delete(t.Context(), job, client.PropagationPolicy(metav1.DeletePropagationBackground))).To(Succeed())
	s.eventually(func(g Gomega) { g.Expect(s.pods(t.Context())).To(BeEmpty()) })
}

func TestPodsAreJudgedByTheRestrictedStandard(t *testing.T) {
	s := newSandbox(t)
	pod := waitingPod(s.ns)
	pod.Spec.SecurityContext = nil
	s.Expect(shared.Client.Create(t.Context(), pod)).To(MatchError(ContainSubstring("violates PodSecurity")))
}

func TestAKilledContainerIsStartedAgain(t *testing.T) {
	s := newSandbox(t)
	s.createPod()
	pod := s.running("")
	s.Expect(shared.Kill(t.Context(), pod, "other")).To(MatchError(ContainSubstring("has no container other")))
	s.Expect(shared.Kill(t.Context(), pod, container)).To(Succeed())

	status := s.running(pod.Status.ContainerStatuses[0].ContainerID).Status.ContainerStatuses[0]
	s.Expect(status.RestartCount).To(BeEquivalentTo(1))
	s.Expect(status.LastTerminationState.Terminated.ExitCode).To(BeEquivalentTo(137))
	s.Expect(status.Image).To(Equal(probeImage))
	s.Expect(pod.Spec.NodeName).To(Equal(Name))
	s.Expect(pod.Status.QOSClass).To(Equal(corev1.PodQOSBestEffort))
}
