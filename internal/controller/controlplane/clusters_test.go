package controlplane

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/captproject/capt/internal/workload"
)

// fakeClusters is the API server of a workload cluster, which answers at once.
type fakeClusters struct {
	clock *clocktesting.FakePassiveClock
	// silent has it answer nothing.
	silent bool
	// version is what it runs, and refusal why it gives nothing; failures counts
	// how often it did not.
	version  string
	refusal  error
	failures int
	// refused are kubeconfigs that it does not know, and incomplete says that the
	// account has lost its rights.
	refused    map[string]bool
	incomplete bool
	// answers are those to certain kubeconfigs.
	answers map[string]workload.Answer
	// token is what it issues next, with refusedToken in its place if that is set.
	token        string
	refusedToken error

	// tried is the kubeconfig that it was last asked with.
	tried string
	// since is when an answer must have come to count: of the last Verify.
	since time.Time
	// issues are the credentials that tokens were asked for with, and removed
	// those that an account was removed with.
	issues, removed []workload.Credentials
	account         workload.Account
	forgotten       []types.NamespacedName
}

func (f *fakeClusters) Verify(_ types.NamespacedName, kubeconfig []byte, since time.Time) workload.Answer {
	f.tried, f.since = string(kubeconfig), since
	if answer, is := f.answers[f.tried]; is && !f.silent {
		return answer
	}
	switch {
	case f.silent:
		return workload.Answer{}
	case f.refused[f.tried]:
		return workload.Answer{At: f.clock.Now(), Err: workload.NewError(workload.ReasonCredentialRefused), Failures: 1}
	case f.incomplete:
		return workload.Answer{At: f.clock.Now(), Err: workload.NewError(workload.ReasonAccountIncomplete), Failures: 1}
	case f.refusal != nil:
		f.failures++
		return workload.Answer{At: f.clock.Now(), Err: f.refusal, Failures: 1}
	}
	return workload.Answer{At: f.clock.Now(), User: "admin", Version: f.version}
}

func (f *fakeClusters) Try(owner types.NamespacedName, kubeconfig []byte, since time.Time) workload.Answer {
	before := f.tried
	defer func() { f.tried = before }()
	return f.Verify(owner, kubeconfig, since)
}

func (f *fakeClusters) Issue(account workload.Account, credentials workload.Credentials, _ time.Time) workload.Answer {
	f.account = account
	f.issues = append(f.issues, credentials)
	switch {
	case f.silent:
		return workload.Answer{}
	case f.refusedToken != nil:
		return workload.Answer{At: f.clock.Now(), Err: f.refusedToken, Failures: 1}
	}
	return workload.Answer{At: f.clock.Now(), Token: f.token}
}

func (f *fakeClusters) Remove(_ workload.Account, credentials workload.Credentials, _ time.Time) workload.Answer {
	f.removed = append(f.removed, credentials)
	if f.silent {
		return workload.Answer{}
	}
	return workload.Answer{At: f.clock.Now(), Err: f.refusal, Failures: len(f.removed)}
}

func (f *fakeClusters) Forget(owner types.NamespacedName) { f.forgotten = append(f.forgotten, owner) }
