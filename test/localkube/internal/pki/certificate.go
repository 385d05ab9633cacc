package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"
)

// authorityLife is also how long a server certificate lives: a cluster of a test does not renew them.
const authorityLife = 10 * 365 * 24 * time.Hour

// Pair is a certificate and its private key, both PEM.
type Pair struct {
	Certificate, Key []byte
}

// Lifetime is from when and until when a credential is valid. Both are whole seconds.
type Lifetime struct {
	From, To time.Time
}

// NewAuthority makes a self-signed certificate authority.
func NewAuthority(name string, now time.Time) (Pair, error) {
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	return issue(template, Lifetime{now, now.Add(authorityLife)}, nil)
}

// IssueServer signs a certificate for a server that is reached by the given host names and addresses.
func (a Pair) IssueServer(name string, hosts []string, now time.Time) (Pair, error) {
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: name},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	return issue(template, Lifetime{now, now.Add(authorityLife)}, &a)
}

// IssueAdministrator signs a client certificate of the group system:masters, to which an API server refuses nothing.
func (a Pair) IssueAdministrator(name string, life Lifetime) (Pair, error) {
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: name, Organization: []string{"system:masters"}},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	return issue(template, life, &a)
}

// CertificateLifetime reads the lifetime of the first certificate in a PEM text.
func CertificateLifetime(certificate string) (Lifetime, error) {
	parsed, err := decodeCertificate([]byte(certificate))
	if err != nil {
		return Lifetime{}, fmt.Errorf("reading a certificate: %w", err)
	}
	return Lifetime{parsed.NotBefore, parsed.NotAfter}, nil
}

// issue signs the template with the authority, or with its own key when there is none.
func issue(template *x509.Certificate, life Lifetime, authority *Pair) (Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, err
	}
	template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return Pair{}, err
	}
	template.NotBefore, template.NotAfter = life.From, life.To

	parent, signer := template, key
	if authority != nil {
		if parent, err = decodeCertificate(authority.Certificate); err != nil {
			return Pair{}, fmt.Errorf("reading the authority's certificate: %w", err)
		}
		if signer, err = decodeKey(authority.Key); err != nil {
			return Pair{}, fmt.Errorf("reading the authority's key: %w", err)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return Pair{}, fmt.Errorf("signing the certificate of %s: %w", template.Subject, err)
	}
	keyPEM, err := encodeKey(key)
	return Pair{Certificate: pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: der}), Key: keyPEM}, err
}
