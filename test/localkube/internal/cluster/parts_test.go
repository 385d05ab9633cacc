package cluster

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/captproject/capt/test/localkube/internal/kubeconfig"
	"github.com/captproject/capt/test/localkube/internal/pki"
	"github.com/captproject/capt/test/localkube/internal/rest"
)

func TestFailFirst(t *testing.T) {
	g := NewWithT(t)
	file := filepath.Join(t.TempDir(), "failures")
	g.Expect(failFirst(file, 0)).To(Succeed())
	g.Expect(file).NotTo(BeAnExistingFile(), "nothing to count")
	g.Expect(failFirst(file, 2)).To(MatchError(ContainSubstring("failure 1 of the 2")))
	g.Expect(failFirst(file, 2)).To(MatchError(ContainSubstring("failure 2 of the 2")))
	g.Expect(failFirst(file, 2)).To(Succeed())
	g.Expect(failFirst(file, 3)).To(MatchError(ContainSubstring("failure 3 of the 3")))

	g.Expect(os.WriteFile(file, []byte("many"), 0o600)).To(Succeed())
	g.Expect(failFirst(file, 3)).To(MatchError(ContainSubstring(file)))
}

func TestLockIsHeldByOne(t *testing.T) {
	g := NewWithT(t)
	path := filepath.Join(t.TempDir(), "new", "lock")
	first, err := lock(t.Context(), path)
	g.Expect(err).NotTo(HaveOccurred())
	second, err := tryLock(path)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(second).To(BeNil())

	unlock(first)
	g.Expect(path).NotTo(BeAnExistingFile())
	second, err = lock(t.Context(), path)
	g.Expect(err).NotTo(HaveOccurred())
	unlock(second)
}

func TestLockOfARemovedFileIsNone(t *testing.T) {
	g := NewWithT(t)
	path := filepath.Join(t.TempDir(), "lock")
	removed, err := os.Create(path)
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { _ = removed.Close() }()
	g.Expect(isAt(removed, path)).To(BeTrue())
	g.Expect(os.Remove(path)).To(Succeed())
	g.Expect(isAt(removed, path)).To(BeFalse())
	other, err := os.Create(path)
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { _ = other.Close() }()
	g.Expect(isAt(removed, path)).To(BeFalse())
}

func TestPollEndsWithItsContext(t *testing.T) {
	g := NewWithT(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	calls := 0
	err := poll(ctx, time.Millisecond, func() (bool, error) {
		calls++
		if calls == 3 {
			cancel(os.ErrDeadlineExceeded)
		}
		return false, nil
	})
	g.Expect(err).To(MatchError(os.ErrDeadlineExceeded))
	g.Expect(calls).To(Equal(3))
}

func TestWaitEndsWithItsContext(t *testing.T) {
	g := NewWithT(t)
	g.Expect(wait(cancelled(), time.Hour)).To(MatchError(context.Canceled))
	g.Expect(wait(t.Context(), -time.Hour)).To(Succeed())
}

func TestLogTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	tests := []struct{ name, log, tail string }{
		{"short", "one\ntwo\n", "one\ntwo"},
		{"many lines", strings.Repeat("old\n", 100) + strings.Repeat("new\n", tailLines), strings.Repeat("new\n", tailLines-1) + "new"},
		{"long line", strings.Repeat("x", lineBytes+1), strings.Repeat("x", lineBytes) + "…"},
		{"long file", strings.Repeat("x", tailBytes) + "\nlast", strings.Repeat("x", lineBytes) + "…\nlast"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(os.WriteFile(path, []byte(test.log), 0o600)).To(Succeed())
			g.Expect(logTail(path)).To(Equal(test.tail))
		})
	}
	NewWithT(t).Expect(logTail(path + ".missing")).To(ContainSubstring("no such file"))
}

func TestEveryProcessNamesItsDirectory(t *testing.T) {
	g := NewWithT(t)
	for _, args := range [][]string{etcdArgs("/data/a"), apiServerArgs("/data/a", 1)} {
		g.Expect(args).To(ContainElement(ContainSubstring("/data/a")))
	}
}

func TestRenewReplacesWhatIsDue(t *testing.T) {
	clusters := newClusters(t, "", "")
	directory := clusters.directory("a")
	NewWithT(t).Expect(directory.prepare(record{ID: "id", Endpoint: "https://127.0.0.1:1"}, time.Now())).To(Succeed())

	tests := []struct {
		name                     string
		certificateAge, tokenAge time.Duration // of a life of 90 s
		newCertificate, newToken bool
	}{
		{name: "young", certificateAge: 10 * time.Second, tokenAge: 10 * time.Second},
		{name: "token past a third", certificateAge: 10 * time.Second, tokenAge: 31 * time.Second, newToken: true},
		{name: "certificate past a third", certificateAge: 31 * time.Second, newCertificate: true},
		{name: "both expired", certificateAge: time.Hour, tokenAge: time.Hour, newCertificate: true, newToken: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := NewWithT(t)
			old := issued(g, directory, test.certificateAge, test.tokenAge)
			renewed, err := clusters.Renew("a", old, 0)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(renewed.ClientCertificate != old.ClientCertificate).To(Equal(test.newCertificate))
			g.Expect(renewed.ClientKey != old.ClientKey).To(Equal(test.newCertificate))
			g.Expect(renewed.Kubeconfig != old.Kubeconfig).To(Equal(test.newCertificate))
			g.Expect(renewed.Token != old.Token).To(Equal(test.newToken))
		})
	}
}

func TestRenewMakesTheFirst(t *testing.T) {
	clusters := newClusters(t, "", "")
	NewWithT(t).Expect(clusters.directory("a").prepare(record{ID: "id"}, time.Now())).To(Succeed())
	tests := []struct {
		name                    string
		ttl, certificate, token time.Duration
	}{
		{"standard", 0, 365 * 24 * time.Hour, time.Hour},
		{"as asked for", 20 * time.Second, 20 * time.Second, 20 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := NewWithT(t)
			made, err := clusters.Renew("a", Credentials{}, test.ttl)
			g.Expect(err).NotTo(HaveOccurred())
			certificate, err := pki.CertificateLifetime(made.ClientCertificate)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(certificate.To.Sub(certificate.From)).To(Equal(test.certificate))
			token, err := pki.TokenLifetime(made.Token)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(token.To.Sub(token.From)).To(Equal(test.token))
		})
	}
}

// issued are credentials with a life of 90 s that have these ages.
func issued(g *WithT, d directory, certificateAge, tokenAge time.Duration) Credentials {
	life := func(age time.Duration) pki.Lifetime {
		from := time.Now().Add(-age)
		return pki.Lifetime{From: from, To: from.Add(90 * time.Second)}
	}
	authority, err := d.readAuthority()
	g.Expect(err).NotTo(HaveOccurred())
	pair, err := authority.IssueAdministrator(administratorName, life(certificateAge))
	g.Expect(err).NotTo(HaveOccurred())
	key, err := os.ReadFile(d.file(accountKeyFile))
	g.Expect(err).NotTo(HaveOccurred())
	token, err := pki.IssueToken(key, administrator("uid"), life(tokenAge))
	g.Expect(err).NotTo(HaveOccurred())
	credentials := Credentials{ClientCertificate: string(pair.Certificate), ClientKey: string(pair.Key), Token: token}
	credentials.Kubeconfig, err = kubeconfig.Write("a", rest.Access{
		Server: "https://127.0.0.1:1", Authority: authority.Certificate, Certificate: pair.Certificate, Key: pair.Key,
	})
	g.Expect(err).NotTo(HaveOccurred())
	return credentials
}
