package main

import (
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

func TestTheLastSecretIsTheOneThatCounts(t *testing.T) {
	g := NewWithT(t)
	first, second := way(), way()
	for i := range second {
		second[i].RequestReceivedTimestamp.Time = second[i].RequestReceivedTimestamp.Add(time.Minute)
	}
	another := request(managerAgent, "create", "secrets", "hello-ca")
	requests := append(slices.Concat(first, second), another)
	g.Expect(published(requests, "hello-kubeconfig")).To(Equal(start.Add(time.Minute + 12*time.Second)))

	_, err := published(append(first[:len(first)-1], another), "hello-kubeconfig")
	g.Expect(err).To(MatchError(ContainSubstring("hello-kubeconfig")))
}
