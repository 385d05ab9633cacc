package workload

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// desk is Clusters with a test in front of it, at noon.
type desk struct {
	*WithT
	clusters *Clusters
	clock    *clocktesting.FakePassiveClock
	owner    types.NamespacedName
	ctx      func() context.Context
}

func newDesk(t *testing.T) *desk {
	clock := clocktesting.NewFakePassiveClock(noon)
	return &desk{WithT: NewWithT(t), clusters: New(clock), clock: clock,
		owner: types.NamespacedName{Namespace: env.Namespace(t), Name: "p"}, ctx: t.Context}
}

// answer puts a question that has no answer yet, and waits for the answer.
func (d *desk) answer(ask func() Answer) Answer {
	d.Expect(ask()).To(BeZero(), "nobody waits")
	d.wake()
	return ask()
}

// wake waits for being woken.
func (d *desk) wake() {
	d.Eventually(d.clusters.Answered()).WithTimeout(time.Minute).Should(Receive(HaveField("Object", d.owner)))
}

func (d *desk) verify(kubeconfig []byte) Answer {
	return d.answer(func() Answer { return d.clusters.Verify(d.owner, kubeconfig, time.Time{}) })
}

func (d *desk) account(role string) Account {
	return Account{ControlPlane: d.owner, ClusterRole: role, Lifetime: time.Hour}
}

// issue asks anew.
func (d *desk) issue(account Account, credentials Credentials) Answer {
	d.clusters.Forget(account.ControlPlane)
	return d.answer(func() Answer { return d.clusters.Issue(account, credentials, time.Time{}) })
}
