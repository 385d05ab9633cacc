package kubeconfig

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"
)

// now is when the tests are judged.
var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// pki is a CA with a client of it, made once: all tests read only.
var pki = newPKI()

type testPKI struct {
	caCertificate *x509.Certificate
	caKey         crypto.Signer
	clientKey     *ecdsa.PrivateKey
	// ca, certificate and key are PEM, valid for an hour around now.
	ca, certificate, key []byte
}

func newPKI() *testPKI {
	p := &testPKI{caKey: newKey(), clientKey: newKey()}
	p.ca = p.newCA(now.Add(-time.Hour), now.Add(time.Hour))
	block, _ := pem.Decode(p.ca)
	p.caCertificate = must(x509.ParseCertificate(block.Bytes))
	p.certificate = p.newCertificate(now.Add(-time.Hour), now.Add(time.Hour), x509.ExtKeyUsageClientAuth)
	p.key = pkcs8(p.clientKey)
	return p
}

func (p *testPKI) newCA(begins, ends time.Time) []byte {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "hush-hush-ca"},
		NotBefore: begins, NotAfter: ends, IsCA: true, BasicConstraintsValid: true}
	return encode("CERTIFICATE", must(x509.CreateCertificate(rand.Reader, template, template, p.caKey.Public(), p.caKey)))
}

func (p *testPKI) newCertificate(begins, ends time.Time, usage ...x509.ExtKeyUsage) []byte {
	return p.certificateFor(p.clientKey, begins, ends, usage...)
}

func (p *testPKI) certificateFor(key crypto.Signer, begins, ends time.Time, usage ...x509.ExtKeyUsage) []byte {
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "hush-hush-client"},
		NotBefore: begins, NotAfter: ends, ExtKeyUsage: usage}
	return encode("CERTIFICATE", must(x509.CreateCertificate(rand.Reader, template, p.caCertificate, key.Public(), p.caKey)))
}

func newKey() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

func newRSAKey() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) }

func newEdKey() ed25519.PrivateKey {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return must(key, err)
}

func pkcs8(key crypto.Signer) []byte {
	return encode("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key)))
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// file is a good kubeconfig with the changes of a test.
func file(change func(cluster, user, config map[string]any)) []byte {
	cluster := map[string]any{"server": "https://h:6443", "certificate-authority-data": pki.ca}
	user := map[string]any{"client-certificate-data": pki.certificate, "client-key-data": pki.key}
	config := map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "x",
		"clusters": []any{map[string]any{"name": "c", "cluster": cluster}},
		"users":    []any{map[string]any{"name": "u", "user": user}},
		"contexts": []any{map[string]any{"name": "x", "context": map[string]any{"cluster": "c", "user": "u", "namespace": "n"}}},
	}
	if change != nil {
		change(cluster, user, config)
	}
	return must(yaml.Marshal(config))
}

// parts is a good candidate in parts with the changes of a test.
func parts(change func(p *Parts)) Candidate {
	p := Parts{Server: "https://h:6443", CACertificate: pki.ca, ClientCertificate: pki.certificate, ClientKey: pki.key}
	if change != nil {
		change(&p)
	}
	return Candidate{Parts: p}
}

// expectRefused checks the reason, that the reason is documented, and that the message is one of
// this package's constants, by its not holding anything that the tests hide in their input.
func expectRefused(t *testing.T, c Candidate, reason string) {
	t.Helper()
	g := NewWithT(t)
	kc, err := Judge(c, now)
	var e *Error
	g.Expect(errors.As(err, &e)).To(BeTrue(), "not an *Error: %v", err)
	g.Expect(kc).To(BeNil())
	g.Expect(e.Reason()).To(Equal(reason), e.Error())
	g.Expect(Reasons).To(ContainElement(reason))
	g.Expect(e.Error()).NotTo(ContainSubstring("hush-hush"))
	g.Expect(e.Error()).To(MatchRegexp(`\. .+\.$`), "a defect and an advice")
}

// expectAccepted judges, and checks that what is published is accepted again and is the same.
func expectAccepted(t *testing.T, c Candidate) *Kubeconfig {
	t.Helper()
	g := NewWithT(t)
	kc, err := Judge(c, now)
	g.Expect(err).NotTo(HaveOccurred())
	published, err := kc.Bytes("name")
	g.Expect(err).NotTo(HaveOccurred())
	again, err := Judge(Candidate{Kubeconfig: published}, now)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(again).To(Equal(kc))
	g.Expect(again.Bytes("name")).To(Equal(published))
	return kc
}

// aliasBomb is a file of 80 kB that would take 500 MB if its aliases were written out.
func aliasBomb() []byte {
	return []byte("clusters: []\nusers: []\na: &a " + strings.Repeat("x", 50_000) + "\nb: [" + strings.Repeat("*a,", 10_000) + "]\n")
}
