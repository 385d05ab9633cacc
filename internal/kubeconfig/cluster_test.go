package kubeconfig_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// cluster is what a provider has made: where the API server answers, and what opens it. All of it
// is made for one row of a test.
type cluster struct {
	server    string // a URL
	authority authority
	// certificate and key are PEM; a key has the form that its kind has in OpenSSL.
	certificate, key, token string
}

func newCluster(t *testing.T, server, token string, key crypto.Signer) cluster {
	t.Helper()
	c := cluster{server: server, token: token, authority: newAuthority(t)}
	c.certificate = c.authority.issue(t, key, &x509.Certificate{
		Subject:     pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	c.key = keyPEM(t, key)
	return c
}

// ca is PEM.
func (c cluster) ca() string { return c.authority.certificate }

// host is the server without its scheme, as GKE gives it.
func (c cluster) host() string { return strings.TrimPrefix(c.server, "https://") }

// file is a kubeconfig as kubectl writes it, with these lines for the user.
func (c cluster) file(user ...string) string {
	return fmt.Sprintf(`apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: %s
    server: %s
  name: one
contexts:
- context:
    cluster: one
    user: one-admin
  name: one-admin@one
current-context: one-admin@one
kind: Config
preferences: {}
users:
- name: one-admin
  user:
    %s
`, b64(c.ca()), c.server, strings.Join(user, "\n    "))
}

// withCertificate and withToken are lines for the user of a file.
func (c cluster) withCertificate() string {
	return "client-certificate-data: " + b64(c.certificate) + "\n    client-key-data: " + b64(c.key)
}

func (c cluster) withToken() string { return "token: " + c.token }

// withCommand is the user of a file that needs a program to log in.
func withCommand(command string) string {
	return "exec:\n      apiVersion: client.authentication.k8s.io/v1beta1\n      args: [get-token]\n      command: " + command
}

func b64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// authority is a CA.
type authority struct {
	certificate string // PEM
	parsed      *x509.Certificate
	key         crypto.Signer
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	a := authority{key: newKey(t)}
	a.parsed = &x509.Certificate{
		Subject: pkix.Name{CommonName: "kubernetes"},
		IsCA:    true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.certificate = a.issue(t, a.key, a.parsed)
	block, _ := pem.Decode([]byte(a.certificate))
	parsed, err := x509.ParseCertificate(block.Bytes)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	a.parsed = parsed
	return a
}

// issue returns a certificate in PEM that is valid for an hour around now.
func (a authority) issue(t *testing.T, key crypto.Signer, template *x509.Certificate) string {
	t.Helper()
	template.SerialNumber = big.NewInt(1)
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, template, a.parsed, key.Public(), a.key)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// forServer issues the certificate and key of a server with this host name or address.
func (a authority) forServer(t *testing.T, host string) (certificate, key string) {
	t.Helper()
	template := &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	private := newKey(t)
	return a.issue(t, private, template), keyPEM(t, private)
}

func newKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return key
}

// rsaKey is one for all rows: making one is slow.
var rsaKey = sync.OnceValue(func() crypto.Signer {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func keyPEM(t *testing.T, key crypto.Signer) string {
	t.Helper()
	block := &pem.Block{}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		block.Type, block.Bytes = "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)
	case *ecdsa.PrivateKey:
		der, err := x509.MarshalECPrivateKey(key)
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		block.Type, block.Bytes = "EC PRIVATE KEY", der
	}
	return string(pem.EncodeToMemory(block))
}
