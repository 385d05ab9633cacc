package kubeconfig

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"
	"time"
)

// judgeCA returns the bundle as plain PEM, nil if there is none.
func judgeCA(bundle []byte, now time.Time) ([]byte, error) {
	if len(bytes.TrimSpace(bundle)) == 0 {
		return nil, nil
	}
	certificates, ok := parseCertificates(bundle)
	if !ok {
		return nil, refuse(ReasonCAInvalid, "The CA is not made of PEM certificates only, or one of them does not parse. Correct the module's output.")
	}
	var begins time.Time
	for _, c := range certificates {
		if !now.Before(c.NotAfter) {
			continue
		}
		if !c.NotBefore.After(now.Add(ClockSkew)) {
			return encodeCertificates(certificates), nil
		}
		if begins.IsZero() || c.NotBefore.Before(begins) {
			begins = c.NotBefore
		}
	}
	if begins.IsZero() {
		return nil, refuse(ReasonCAExpired, "The CA certificate has expired. Let the module give the cluster's present CA.")
	}
	return nil, refuseUntil(begins, ReasonCANotYetValid, "The CA certificate is not valid yet, by more than 5 minutes. Correct the clock of the machine that made it.")
}

// judgeCertificate returns a Kubeconfig with this credential, and how long the certificate and its
// chain are good for.
func judgeCertificate(certificate, key []byte) (*Kubeconfig, validity, error) {
	if len(certificate) == 0 {
		return nil, validity{}, refuse(ReasonClientKeyInvalid, "There is a client key but no client certificate. Let the module give both.")
	}
	if len(key) == 0 {
		return nil, validity{}, refuse(ReasonClientCertificateInvalid, "There is a client certificate but no client key. Let the module give both.")
	}
	chain, ok := parseCertificates(certificate)
	if !ok {
		return nil, validity{}, refuse(ReasonClientCertificateInvalid, "The client certificate is not made of PEM certificates only, or one of them does not parse. Correct the module's output.")
	}
	if !forClients(chain[0]) {
		return nil, validity{}, refuse(ReasonClientCertificateInvalid, "The client certificate is not meant for clients (extended key usage), so no API server accepts it. Let the module give the client's certificate.")
	}
	written, private, ok := parseKey(key)
	if !ok {
		return nil, validity{}, refuse(ReasonClientKeyInvalid, "The client key is not one PEM private key without a password. Correct the module's output.")
	}
	public, ok := private.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(chain[0].PublicKey) {
		return nil, validity{}, refuse(ReasonClientKeyMismatch, "The client key does not belong to the client certificate. Let the module give a pair.")
	}
	var valid validity
	for _, c := range chain {
		if c.NotBefore.After(valid.begins) {
			valid.begins = c.NotBefore
		}
		if valid.ends.IsZero() || c.NotAfter.Before(valid.ends) {
			valid.ends = c.NotAfter
		}
	}
	return &Kubeconfig{
		Credential:        ClientCertificate,
		clientCertificate: encodeCertificates(chain),
		clientKey:         written,
	}, valid, nil
}

func forClients(c *x509.Certificate) bool {
	if len(c.ExtKeyUsage) == 0 && len(c.UnknownExtKeyUsage) == 0 {
		return true
	}
	return slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}

// parseCertificates reads PEM that holds certificates and nothing else; text between blocks is let
// through, a block that cannot be read is not.
func parseCertificates(text []byte) (certificates []*x509.Certificate, ok bool) {
	blocks := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		blocks++
		if block.Type != "CERTIFICATE" {
			return nil, false
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, false
		}
		certificates = append(certificates, c)
	}
	// pem.Decode silently skips what is broken.
	return certificates, blocks > 0 && blocks == bytes.Count(text, []byte("-----BEGIN "))
}

func encodeCertificates(certificates []*x509.Certificate) []byte {
	var text []byte
	for _, c := range certificates {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return text
}

// keyForms are the encodings of private keys, each with its name in PEM.
var keyForms = []struct {
	name  string
	parse func(der []byte) (any, error)
	write func(key any) ([]byte, error)
}{
	{"PRIVATE KEY", x509.ParsePKCS8PrivateKey, x509.MarshalPKCS8PrivateKey},
	{"RSA PRIVATE KEY",
		func(der []byte) (any, error) { return x509.ParsePKCS1PrivateKey(der) },
		func(key any) ([]byte, error) { return x509.MarshalPKCS1PrivateKey(key.(*rsa.PrivateKey)), nil }},
	{"EC PRIVATE KEY",
		func(der []byte) (any, error) { return x509.ParseECPrivateKey(der) },
		func(key any) ([]byte, error) { return x509.MarshalECPrivateKey(key.(*ecdsa.PrivateKey)) }},
}

// parseKey reads the only private key of a PEM text, and writes it anew in the same encoding: the
// parsers do not look at what follows it. Other blocks (EC PARAMETERS) are let through. As in
// crypto/tls the block's type does not decide how the key is encoded.
func parseKey(text []byte) (written []byte, key crypto.Signer, ok bool) {
	block := onlyKey(text)
	if block == nil {
		return nil, nil, false
	}
	for _, form := range keyForms {
		parsed, err := form.parse(block.Bytes)
		if err != nil {
			continue
		}
		der, err := form.write(parsed)
		key, ok = parsed.(crypto.Signer)
		return pem.EncodeToMemory(&pem.Block{Type: form.name, Bytes: der}), key, ok && err == nil
	}
	return nil, nil, false
}

// onlyKey returns the block of a private key if there is exactly one and it has no password.
func onlyKey(text []byte) (found *pem.Block) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if !strings.HasSuffix(block.Type, "PRIVATE KEY") {
			continue
		}
		if found != nil || len(block.Headers) > 0 {
			return nil
		}
		found = block
	}
	return found
}
