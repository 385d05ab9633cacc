package main

import (
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
)

var start = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// way is what is seen on the way of a Cluster in the namespace "a", a second
// between one request and the next, in the order of the answers.
func way() []auditv1.Event {
	requests := []auditv1.Event{
		request(managerAgent, "create", "workspacetemplateapplies", "hello-infrastructure"),
		request(managerAgent, "create", "workspaceruns", "hello-infrastructure-1"),
		request(managerAgent, "patch", "captclusters", "hello"),
		request(runnerAgent, "get", "secrets", "hello-infrastructure-inputs-0123456789"),
		request(runnerAgent, "create", "secrets", "tfstate-default-hello"),
		request(runnerAgent, "create", "secrets", "hello-infrastructure-outputs"),
		request(managerAgent, "patch", "captclusters", "hello"),
		request(managerAgent, "create", "workspacetemplateapplies", "hello-plane-control-plane"),
		request(managerAgent, "create", "workspaceruns", "hello-plane-control-plane-1"),
		request(runnerAgent, "get", "secrets", "hello-plane-control-plane-inputs-0123456789"),
		request(runnerAgent, "create", "secrets", "hello-plane-control-plane-outputs"),
		request(managerAgent, "create", "secrets", "hello-kubeconfig"),
	}
	for i := range requests {
		requests[i].RequestReceivedTimestamp = metav1.NewMicroTime(start.Add(time.Duration(i+1) * time.Second))
	}
	requests[0], requests[1] = requests[1], requests[0]
	return requests
}

func request(agent, verb, resource, name string) auditv1.Event {
	return auditv1.Event{
		UserAgent: agent + "/v0.0.0 (linux/amd64)", Verb: verb,
		ObjectRef: &auditv1.ObjectReference{Resource: resource, Namespace: "a", Name: name},
	}
}

func TestPhasesAddUpToTheWhole(t *testing.T) {
	g := NewWithT(t)
	seconds, err := split(start, start.Add(12*time.Second), way(), "a")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(seconds).To(Equal([]float64{1, 1, 2, 2, 1, 1, 1, 1, 1, 1}))
	g.Expect(seconds).To(HaveLen(len(newPhases())))
	g.Expect(sum(seconds)).To(BeNumerically("==", 12))
}

func TestOtherNamespacesAndRequestsWithoutAnObjectAreLeftOut(t *testing.T) {
	g := NewWithT(t)
	others := way()
	for i := range others {
		others[i].ObjectRef.Namespace = "b"
		others[i].RequestReceivedTimestamp.Time = others[i].RequestReceivedTimestamp.Add(-time.Second / 2)
	}
	discovery := auditv1.Event{UserAgent: managerAgent, Verb: "get", RequestURI: "/api"}
	alone, err := split(start, start.Add(12*time.Second), way(), "a")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(split(start, start.Add(12*time.Second), slices.Concat(others, []auditv1.Event{discovery}, way()), "a")).To(Equal(alone))
}

func TestAMissingMilestoneIsNamed(t *testing.T) {
	_, err := split(start, start.Add(time.Minute), way()[:5], "a")
	NewWithT(t).Expect(err).To(MatchError(ContainSubstring(`"infrastructure: run"`)))
}

func TestThePartOfClusterAPICore(t *testing.T) {
	c := &creation{CAPT: []float64{12, 20}, Phases: []phase{
		{Name: "one", Core: true, Seconds: []float64{2, 3}},
		{Name: "two", Seconds: []float64{8, 13}},
		{Name: "three", Core: true, Seconds: []float64{1, 4}},
	}}
	NewWithT(t).Expect(c.core()).To(Equal([]float64{3, 7}))
}
