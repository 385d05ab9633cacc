package controlplane

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	"github.com/captproject/capt/internal/workload"
)

// mint is an API server that gives a token when it is asked, with the next
// question, and keeps its answer as workload.Clusters does. Its clock is behind
// ours.
type mint struct {
	fakeClusters
	w      *world
	behind time.Duration
	module string
	last   workload.Answer
	minted int
}

func (m *mint) Issue(a workload.Account, c workload.Credentials, since time.Time) workload.Answer {
	if string(c.Module) != m.module {
		m.module, m.last = string(c.Module), workload.Answer{}
	}
	before := m.last
	if before.At.IsZero() || before.At.Before(since) {
		m.minted++
		// No two are the same.
		from := m.clock.Now().Add(-m.behind - time.Duration(m.minted)*time.Second)
		m.last = workload.Answer{At: m.clock.Now(), Token: m.w.own(from, a.Lifetime)}
	}
	return before
}

// newMint is a world whose tokens live for ten minutes; those of the module end
// after a while.
func newMint(t *testing.T, behind, moduleLife time.Duration) (*world, *mint) {
	t.Helper()
	w := newWith(t, &controlplanev1.KubeconfigSpec{
		Credential: controlplanev1.CredentialServiceAccountToken, TokenLifetime: &metav1.Duration{Duration: 10 * time.Minute},
	}, jwt("module", noon, moduleLife))
	m := &mint{fakeClusters: fakeClusters{clock: w.clock}, w: w, behind: behind}
	w.reconciler.Clusters = m
	w.settle()
	return w, m
}

// during looks every three seconds for a while, as if woken by all that happens, and
// counts what was published.
func (w *world) during(from, until time.Duration) (published int) {
	w.t.Helper()
	last := w.publishedToken()
	for at := from; at < until; at += 3 * time.Second {
		w.at(at).reconcile()
		if token := w.publishedToken(); token != last {
			last = token
			published++
		}
	}
	return published
}

func TestAClockThatIsFarAheadMakesNoStormOfTokens(t *testing.T) {
	w, m := newMint(t, 6*time.Minute, 24*time.Hour)
	published := w.during(time.Second, 3*time.Minute)
	w.Expect(published).To(BeNumerically(">", 0))
	w.Expect(published).To(BeNumerically("<=", 2), "half of four minutes each")
	w.Expect(m.minted).To(BeNumerically("<=", published+2))
}

func TestATokenThatRenewsItselfMakesNoStormEither(t *testing.T) {
	w, m := newMint(t, 6*time.Minute, 20*time.Second)
	w.Expect(w.during(time.Second, 3*time.Minute)).To(BeNumerically("<=", 3))
	w.Expect(m.minted).To(BeNumerically("<=", 5))
}

func TestATokenIsRenewedAtHalfOfItsLife(t *testing.T) {
	w, _ := newMint(t, 0, 24*time.Hour)
	w.Expect(w.during(time.Second, 20*time.Second)).To(BeNumerically("<=", 1))
	w.Expect(w.during(4*time.Minute+40*time.Second, 5*time.Minute+20*time.Second)).To(Equal(1))
}

func TestAServerThatRefusesItsTokensKeepsTheModulesCredential(t *testing.T) {
	w := newWith(t, nil, "opaque")
	w.clusters.refusedToken = workload.NewError(workload.ReasonTokenRefused)
	w.settle()
	w.Expect(w.publishedToken()).To(Equal("opaque"))
	w.Expect(w.condition("KubeconfigReady")).To(Equal("True TokenNotIssued"))
	w.Expect(w.condition("Connected")).To(Equal("True Connected"))
	w.Expect(w.request()).To(BeEmpty(), "another credential of the module would change nothing")
}
