package deployed

import (
	"fmt"
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/cluster-api/util/conditions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/hack/tools/toolbox"
)

// deleteManager deletes the pod of the manager and returns when another works.
func (s *sandbox) deleteManager() {
	s.Helper()
	before := s.managers(s.WithT)
	s.Expect(before).To(HaveLen(1))
	s.Expect(shared.Client.Delete(s.Context(), &before[0])).To(Succeed())
	s.eventually(func(g Gomega) {
		now := s.managers(g)
		g.Expect(now).To(HaveLen(1))
		g.Expect(now[0].Name).NotTo(Equal(before[0].Name))
		g.Expect(ready(now[0])).To(BeTrue())
	})
}

// scaleManager returns when there are as many pods of the manager as wanted.
func (s *sandbox) scaleManager(replicas int) {
	s.Helper()
	_, err := shared.Run(s.Context(), toolbox.Kubectl, "scale", "--namespace="+managerNamespace, "deployment/"+managerName, fmt.Sprintf("--replicas=%d", replicas))
	s.Expect(err).NotTo(HaveOccurred())
	s.eventually(func(g Gomega) { g.Expect(s.managers(g)).To(HaveLen(replicas)) })
}

func (s *sandbox) managers(g Gomega) []corev1.Pod {
	list := &corev1.PodList{}
	g.Expect(shared.Client.List(s.Context(), list, client.InNamespace(managerNamespace), client.MatchingLabels{"control-plane": managerName})).To(Succeed())
	return list.Items
}

// approve approves the plan that an apply waits with, as a person would.
func (s *sandbox) approve(name string) {
	s.Helper()
	apply := &infrav1.WorkspaceTemplateApply{}
	s.eventually(func(g Gomega) {
		s.get(g, name, apply)
		g.Expect(conditions.GetReason(apply, infrav1.AppliedCondition)).To(Equal("AwaitingApproval"))
		g.Expect(apply.Status.Plan.Digest).NotTo(BeEmpty())
	})
	_, err := shared.Run(s.Context(), toolbox.Kubectl, "patch", "wtapply", name, "--namespace="+s.ns, "--type=merge",
		"-p", fmt.Sprintf(`{"spec":{"approval":{"approvedPlan":%q}}}`, apply.Status.Plan.Digest))
	s.Expect(err).NotTo(HaveOccurred())
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

// The runner is told to stop and ends in order. The pod is kept until a manager has
// seen the result. What was being made may be there in part: to replace it needs an
// approval.
func TestThePodOfARunIsDeleted(t *testing.T) {
	s := newSandbox(t)
	runs := s.survives(func() {
		pod := s.runningPod(stock)
		s.scaleManager(0)
		s.Expect(shared.Client.Delete(t.Context(), pod)).To(Succeed())
		s.eventually(func(g Gomega) {
			s.get(g, pod.Name, pod)
			g.Expect(pod.Status.Phase).To(Equal(corev1.PodFailed))
			g.Expect(pod.Finalizers).To(And(HaveLen(1), Not(ContainElement(batchv1.JobTrackingFinalizer))), "Kubernetes is done with it")
		})
		s.scaleManager(1)
		s.eventually(func(g Gomega) {
			g.Expect(s.runs(stock)).To(ContainElement("Apply Failed Interrupted"))
			err := shared.Client.Get(t.Context(), client.ObjectKeyFromObject(pod), pod)
			g.Expect(client.IgnoreNotFound(err)).NotTo(HaveOccurred())
			g.Expect(err).To(HaveOccurred(), "the pod is let go when its result is recorded")
		})
		s.approve(stock)
	})
	s.Expect(runs).To(Equal([]string{"Apply Succeeded", "Apply Failed Interrupted", "Apply AwaitingApproval", "Apply Succeeded"}))
}

// Runner and manager are killed at once. The lock of the dead run is released.
func TestTheNodeIsRebootedDuringARun(t *testing.T) {
	s := newSandbox(t)
	runs := s.survives(func() { s.Expect(shared.Reboot(t.Context())).To(Succeed()) })
	s.Expect(runs).To(Equal([]string{"Apply Succeeded", "Apply Lost Lost", "Apply Succeeded"}))
}
