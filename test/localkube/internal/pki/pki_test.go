package pki

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

var now = time.Now().Truncate(time.Second)

func TestServerCertificate(t *testing.T) {
	g := NewWithT(t)
	authority := newAuthority(g)
	server, err := authority.IssueServer("kube-apiserver", []string{"127.0.0.1", "localhost"}, now)
	g.Expect(err).NotTo(HaveOccurred())
	certificate := parse(g, server)

	for _, host := range []string{"127.0.0.1", "localhost"} {
		_, err = certificate.Verify(x509.VerifyOptions{Roots: roots(authority), DNSName: host})
		g.Expect(err).NotTo(HaveOccurred())
	}
	_, err = certificate.Verify(x509.VerifyOptions{Roots: roots(authority), DNSName: "127.0.0.2"})
	g.Expect(err).To(HaveOccurred())
	_, err = certificate.Verify(x509.VerifyOptions{Roots: roots(newAuthority(g)), DNSName: "localhost"})
	g.Expect(err).To(HaveOccurred())
}

func TestAdministratorCertificate(t *testing.T) {
	g := NewWithT(t)
	authority := newAuthority(g)
	life := Lifetime{From: now, To: now.Add(time.Minute)}
	pair, err := authority.IssueAdministrator("someone", life)
	g.Expect(err).NotTo(HaveOccurred())
	certificate := parse(g, pair)

	_, err = certificate.Verify(x509.VerifyOptions{
		Roots:     roots(authority),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(certificate.Subject.CommonName).To(Equal("someone"))
	g.Expect(certificate.Subject.Organization).To(Equal([]string{"system:masters"}))

	read, err := CertificateLifetime(string(pair.Certificate))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(read.From).To(BeTemporally("==", life.From))
	g.Expect(read.To).To(BeTemporally("==", life.To))
}

func TestToken(t *testing.T) {
	g := NewWithT(t)
	keyPEM, err := NewKey()
	g.Expect(err).NotTo(HaveOccurred())
	life := Lifetime{From: now, To: now.Add(30 * time.Second)}
	token, err := IssueToken(keyPEM, ServiceAccount{Namespace: "ns", Name: "account", UID: "uid"}, life)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(TokenLifetime(token)).To(Equal(life))

	segments := strings.Split(token, ".")
	g.Expect(segments).To(HaveLen(3))
	payload, err := base64.RawURLEncoding.DecodeString(segments[1])
	g.Expect(err).NotTo(HaveOccurred())
	var read map[string]any
	g.Expect(json.Unmarshal(payload, &read)).To(Succeed())
	g.Expect(read).To(HaveKeyWithValue("sub", "system:serviceaccount:ns:account"))
	g.Expect(read).To(HaveKeyWithValue("kubernetes.io", map[string]any{
		"namespace":      "ns",
		"serviceaccount": map[string]any{"name": "account", "uid": "uid"},
	}))

	key, err := decodeKey(keyPEM)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(signed(&key.PublicKey, segments)).To(BeTrue())
	segments[1] += "A"
	g.Expect(signed(&key.PublicKey, segments)).To(BeFalse())
}

func TestLifetimeOfWhatIsNoCredential(t *testing.T) {
	claimless := "e30." + base64.RawURLEncoding.EncodeToString([]byte("no JSON")) + ".c2ln"
	for _, text := range []string{"", "text", "a.b", "a.*.c", claimless} {
		g := NewWithT(t)
		_, err := TokenLifetime(text)
		g.Expect(err).To(HaveOccurred(), text)
		_, err = CertificateLifetime(text)
		g.Expect(err).To(HaveOccurred(), text)
	}
}

func newAuthority(g *WithT) Pair {
	authority, err := NewAuthority("test", now)
	g.Expect(err).NotTo(HaveOccurred())
	return authority
}

func roots(authority Pair) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority.Certificate)
	return pool
}

// parse returns the certificate of a pair whose key belongs to it.
func parse(g *WithT, pair Pair) *x509.Certificate {
	parsed, err := tls.X509KeyPair(pair.Certificate, pair.Key)
	g.Expect(err).NotTo(HaveOccurred())
	return parsed.Leaf
}

func signed(key *ecdsa.PublicKey, segments []string) bool {
	signature, err := base64.RawURLEncoding.DecodeString(segments[2])
	if err != nil || len(signature) != 64 {
		return false
	}
	digest := sha256.Sum256([]byte(segments[0] + "." + segments[1]))
	return ecdsa.Verify(key, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
}
