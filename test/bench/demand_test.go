package main

import (
	"testing"

	. "github.com/onsi/gomega"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
)

func TestDemandOfEachCluster(t *testing.T) {
	g := NewWithT(t)
	status := request(managerAgent, "patch", "captclusters", "hello")
	status.ObjectRef.Subresource = "status"
	requests := []auditv1.Event{
		request(managerAgent, "update", "leases", managerAgent),
		request(managerAgent, "update", "leases", "lock-tfstate-default-hello"),
		request(managerAgent, "watch", "secrets", ""),
		request(managerAgent, "get", "secrets", "hello-ca"),
		request(managerAgent, "get", "secrets", "hello-kubeconfig"),
		{UserAgent: managerAgent, Verb: "get", RequestURI: "/api"},
		status,
		request(runnerAgent, "create", "secrets", "hello-outputs"),
	}
	g.Expect(demandOf(requests, managerAgent, 2)).To(Equal(demand{
		Writes: 1, Reads: 2,
		Kinds: map[string]float64{
			"update leases": 0.5, "watch secrets": 0.5, "get secrets": 1, "get /api": 0.5, "patch captclusters/status": 0.5,
		},
	}))
	g.Expect(demandOf(requests, runnerAgent, 2)).To(Equal(demand{Writes: 0.5, Kinds: map[string]float64{"create secrets": 0.5}}))
	everybody := demandOf(requests, "", 2)
	g.Expect(everybody.Writes + everybody.Reads).To(Equal(3.5))
}
