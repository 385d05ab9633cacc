package main

import (
	"testing"

	. "github.com/onsi/gomega"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
)

func TestRequestsAtRest(t *testing.T) {
	lease := request(managerAgent, "update", "leases", "capt-manager")
	lock := request(managerAgent, "get", "leases", "lock-tfstate-default-hello")
	NewWithT(t).Expect(classify([]auditv1.Event{
		lease, lease, lock,
		request(managerAgent, "watch", "secrets", ""),
		request(managerAgent, "patch", "captclusters", "hello"),
		request(managerAgent, "get", "secrets", "hello-kubeconfig"),
		{Verb: "get", RequestURI: "/api"},
	})).To(Equal(requests{
		Lease:   2,
		Watches: 1,
		Writes:  []string{"patch captclusters a/hello"},
		Reads:   []string{"get leases a/lock-tfstate-default-hello", "get secrets a/hello-kubeconfig", "get /api"},
	}))
}
