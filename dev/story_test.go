package main

import (
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

func TestStoryTellsEachChangeOnce(t *testing.T) {
	g := NewWithT(t)
	s := newStory()
	cluster := &clusterv1.Cluster{ObjectMeta: metav1.ObjectMeta{Name: "hello"}}
	tell := func(event watch.EventType) []string {
		var told []string
		for _, line := range s.follow("Cluster", event, cluster.DeepCopy()) {
			told = append(told, strings.Join(strings.Fields(line), " "))
		}
		return told
	}
	set := func(name string, status metav1.ConditionStatus, reason, message string) {
		for i, c := range cluster.Status.Conditions {
			if c.Type == name {
				cluster.Status.Conditions = append(cluster.Status.Conditions[:i], cluster.Status.Conditions[i+1:]...)
			}
		}
		cluster.Status.Conditions = append(cluster.Status.Conditions,
			metav1.Condition{Type: name, Status: status, Reason: reason, Message: message})
	}

	g.Expect(tell(watch.Added)).To(Equal([]string{"Cluster hello created"}))
	g.Expect(tell(watch.Modified)).To(BeEmpty())

	set("InfrastructureReady", metav1.ConditionFalse, "NotReady", "* one\n* two")
	set("RemoteConnectionProbe", metav1.ConditionUnknown, "TooEarly", "of no interest yet")
	set("Available", metav1.ConditionFalse, "NotAvailable", "repeats the others")
	set("RollingOut", metav1.ConditionTrue, "RollingOut", "no part of the story")
	g.Expect(tell(watch.Modified)).To(Equal([]string{"Cluster hello InfrastructureReady is False (NotReady): * one * two"}))
	g.Expect(tell(watch.Modified)).To(BeEmpty())
	g.Expect(s.unmet()).To(ConsistOf(ContainSubstring("InfrastructureReady is False"), ContainSubstring("ControlPlaneInitialized is not there yet")))

	set("InfrastructureReady", metav1.ConditionTrue, "Ready", "")
	set("Available", metav1.ConditionTrue, "Available", "")
	g.Expect(tell(watch.Modified)).To(Equal([]string{"Cluster hello InfrastructureReady", "Cluster hello Available"}))

	set("RemoteConnectionProbe", metav1.ConditionTrue, "Probed", "")
	set("ControlPlaneInitialized", metav1.ConditionTrue, "Initialized", "")
	set("Available", metav1.ConditionUnknown, "InternalError", "nothing else tells")
	g.Expect(s.follow("Cluster", watch.Modified, cluster.DeepCopy())).To(HaveLen(2))
	g.Expect(s.unmet()).To(ConsistOf(ContainSubstring("nothing else tells")))

	cluster.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)}
	set("InfrastructureReady", metav1.ConditionFalse, "Deleting", "")
	g.Expect(tell(watch.Modified)).To(Equal([]string{"Cluster hello is being deleted"}))
	g.Expect(s.remaining()).To(Equal([]string{"Cluster hello"}))
	g.Expect(tell(watch.Deleted)).To(Equal([]string{"Cluster hello gone"}))
	g.Expect(s.remaining()).To(BeEmpty())
}

func TestStoryTellsWhyARunFailed(t *testing.T) {
	g := NewWithT(t)
	s := newStory()
	run := &infrav1.WorkspaceRun{
		ObjectMeta: metav1.ObjectMeta{Name: "hello-1"},
		Spec:       infrav1.WorkspaceRunSpec{Operation: infrav1.OperationApply},
	}
	g.Expect(s.follow("WorkspaceRun", watch.Added, run)).To(ConsistOf(HaveSuffix("Apply: Pending")))
	run = run.DeepCopy()
	run.Status.Phase, run.Status.Reason, run.Status.Message = infrav1.RunFailed, "PlanFailed", strings.Repeat("all of it\n", 20)
	g.Expect(s.follow("WorkspaceRun", watch.Modified, run)).To(ConsistOf(
		HaveSuffix("Apply: Failed (PlanFailed): " + strings.TrimSpace(strings.Repeat("all of it ", 20)))))
}

func TestShort(t *testing.T) {
	g := NewWithT(t)
	g.Expect(short(strings.Repeat("ä", 80))).To(Equal(strings.Repeat("ä", 80)))
	g.Expect(short(strings.Repeat("ä", 81))).To(Equal(strings.Repeat("ä", 79) + "…"))
}
