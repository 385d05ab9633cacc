package kubeconfig

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

const (
	past   = -time.Hour
	future = time.Hour
)

func TestSizes(t *testing.T) {
	long := func(n int) string { return strings.Repeat("a", n) }
	for name, change := range map[string]func(p *Parts){
		"server": func(p *Parts) { p.Server = "https://h/" + long(maxServer) },
		"CA":     func(p *Parts) { p.CACertificate = bytes.Repeat(pki.ca, 1+maxCA/len(pki.ca)) },
		"certificate": func(p *Parts) {
			p.ClientCertificate = bytes.Repeat(pki.certificate, 1+maxCertificate/len(pki.certificate))
		},
		"key":   func(p *Parts) { p.ClientKey = append([]byte(long(maxKey)+"\n"), pki.key...) },
		"token": func(p *Parts) { p.Token = long(maxToken + 1) },
	} {
		t.Run(name, func(t *testing.T) { expectRefused(t, parts(change), ReasonTooLarge) })
	}
	// What is written anew can be larger than what was given.
	lines := func(text []byte) []byte {
		begin, rest, _ := bytes.Cut(text, []byte("-----\n"))
		data, end, _ := bytes.Cut(rest, []byte("\n-----"))
		return slices.Concat(begin, []byte("-----\n"), bytes.ReplaceAll(data, []byte("\n"), nil), []byte("\n-----"), end)
	}
	for name, change := range map[string]func(p *Parts){
		"server, escaped": func(p *Parts) { p.Server = "https://h/" + strings.Repeat("ü", (maxServer-len("https://h/"))/2) },
		"CA, in lines":    func(p *Parts) { p.CACertificate = bytes.Repeat(lines(pki.ca), maxCA/len(lines(pki.ca))) },
		"certificate, in lines": func(p *Parts) {
			p.ClientCertificate = bytes.Repeat(lines(pki.certificate), maxCertificate/len(lines(pki.certificate)))
		},
	} {
		t.Run(name, func(t *testing.T) { expectRefused(t, parts(change), ReasonTooLarge) })
	}
	t.Run("at the limits", func(t *testing.T) {
		expectAccepted(t, parts(func(p *Parts) {
			p.Server = "https://h/" + long(maxServer-len("https://h/"))
			p.CACertificate = bytes.Repeat(pki.ca, maxCA/len(pki.ca))
			p.ClientCertificate, p.ClientKey, p.Token = nil, nil, long(maxToken)
		}))
	})
}

func TestCA(t *testing.T) {
	broken := bytes.Replace(pki.ca, []byte("MII"), []byte("!!!"), 1)
	invalid := encode("CERTIFICATE", []byte("hush-hush"))
	for name, tc := range map[string]struct {
		ca     []byte
		reason string
	}{
		"one":                      {pki.ca, ""},
		"none":                     {nil, ""},
		"white space only":         {[]byte(" \n"), ""},
		"text around it":           {append([]byte("my CA\n"), pki.ca...), ""},
		"not quite begun":          {pki.newCA(now.Add(ClockSkew), now.Add(future)), ""},
		"a bundle, one expired":    {append(pki.newCA(now.Add(2*past), now.Add(past)), pki.ca...), ""},
		"expired":                  {pki.newCA(now.Add(2*past), now), ReasonCAExpired},
		"not begun":                {pki.newCA(now.Add(ClockSkew+time.Second), now.Add(future)), ReasonCANotYetValid},
		"one ended, one not begun": {append(pki.newCA(now.Add(2*past), now.Add(past)), pki.newCA(now.Add(future/2), now.Add(future))...), ReasonCANotYetValid},
		"no PEM":                   {[]byte("hush-hush"), ReasonCAInvalid},
		"a key in it":              {append(bytes.Clone(pki.ca), pki.key...), ReasonCAInvalid},
		"broken second":            {append(bytes.Clone(pki.ca), broken...), ReasonCAInvalid},
		"another kind of block":    {bytes.ReplaceAll(pki.ca, []byte(" CERTIFICATE"), []byte(" TRUSTED CERTIFICATE")), ReasonCAInvalid},
		"not a certificate":        {invalid, ReasonCAInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			c := parts(func(p *Parts) { p.CACertificate = tc.ca })
			if tc.reason != "" {
				expectRefused(t, c, tc.reason)
				return
			}
			kc := expectAccepted(t, c)
			NewWithT(t).Expect(bytes.Count(kc.CA, []byte("BEGIN"))).To(Equal(bytes.Count(tc.ca, []byte("BEGIN"))))
			NewWithT(t).Expect(kc.CA == nil).To(Equal(len(bytes.TrimSpace(tc.ca)) == 0))
		})
	}
}

func TestClientCertificate(t *testing.T) {
	clients := x509.ExtKeyUsageClientAuth
	rsaKey, edKey, other := newRSAKey(), newEdKey(), newKey()
	sec1 := encode("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(newKey())))
	block, _ := pem.Decode(pki.key)
	encrypted := pem.EncodeToMemory(&pem.Block{Type: block.Type, Headers: map[string]string{"Proc-Type": "4,ENCRYPTED"}, Bytes: block.Bytes})
	ends := now.Add(future)
	for name, tc := range map[string]struct {
		certificate, key []byte
		reason           string
		expires          time.Time
	}{
		"ECDSA":        {pki.certificate, pki.key, "", ends},
		"RSA, PKCS #1": {pki.certificateFor(rsaKey, now.Add(past), ends, clients), encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)), "", ends},
		"RSA, PKCS #8": {pki.certificateFor(rsaKey, now.Add(past), ends, clients), pkcs8(rsaKey), "", ends},
		"Ed25519":      {pki.certificateFor(edKey, now.Add(past), ends, clients), pkcs8(edKey), "", ends},
		"ECDSA with its curve": {pki.certificate, append(encode("EC PARAMETERS", []byte{6}),
			encode("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(pki.clientKey)))...), "", ends},
		"for any use":               {pki.newCertificate(now.Add(past), ends, x509.ExtKeyUsageAny), pki.key, "", ends},
		"for anything":              {pki.newCertificate(now.Add(past), ends), pki.key, "", ends},
		"a chain that ends earlier": {append(pki.newCertificate(now.Add(past), now.Add(2*future), clients), pki.ca...), pki.key, "", ends},
		"not quite begun":           {pki.newCertificate(now.Add(ClockSkew), ends, clients), pki.key, "", ends},
		"nearly ended":              {pki.newCertificate(now.Add(past), now.Add(time.Second), clients), pki.key, "", now.Add(time.Second)},

		"ended":                {pki.newCertificate(now.Add(past), now, clients), pki.key, ReasonCredentialExpired, ends},
		"not begun":            {pki.newCertificate(now.Add(ClockSkew+time.Second), ends, clients), pki.key, ReasonCredentialNotYetValid, ends},
		"for servers":          {pki.newCertificate(now.Add(past), ends, x509.ExtKeyUsageServerAuth), pki.key, ReasonClientCertificateInvalid, ends},
		"no certificate":       {nil, pki.key, ReasonClientKeyInvalid, ends},
		"no key":               {pki.certificate, nil, ReasonClientCertificateInvalid, ends},
		"certificate broken":   {[]byte("hush-hush"), pki.key, ReasonClientCertificateInvalid, ends},
		"certificate is a key": {pki.key, pki.key, ReasonClientCertificateInvalid, ends},
		"key broken":           {pki.certificate, encode("PRIVATE KEY", []byte("hush-hush")), ReasonClientKeyInvalid, ends},
		"key is a certificate": {pki.certificate, pki.certificate, ReasonClientKeyInvalid, ends},
		"two keys":             {pki.certificate, append(bytes.Clone(pki.key), sec1...), ReasonClientKeyInvalid, ends},
		"key with a password":  {pki.certificate, encrypted, ReasonClientKeyInvalid, ends},
		"another's key":        {pki.certificate, pkcs8(other), ReasonClientKeyMismatch, ends},
		"another kind of key":  {pki.certificate, pkcs8(rsaKey), ReasonClientKeyMismatch, ends},
	} {
		t.Run(name, func(t *testing.T) {
			c := parts(func(p *Parts) { p.ClientCertificate, p.ClientKey = tc.certificate, tc.key })
			if tc.reason != "" {
				expectRefused(t, c, tc.reason)
				return
			}
			g := NewWithT(t)
			kc := expectAccepted(t, c)
			g.Expect(kc.Credential).To(Equal(ClientCertificate))
			g.Expect(*kc.Expires).To(BeTemporally("==", tc.expires))
		})
	}
}

func TestKeyIsWrittenAnew(t *testing.T) {
	rsaKey := newRSAKey()
	sec1 := must(x509.MarshalECPrivateKey(pki.clientKey))
	pkcs1 := x509.MarshalPKCS1PrivateKey(rsaKey)
	block, _ := pem.Decode(pki.key)
	ofRSA := pki.certificateFor(rsaKey, now.Add(past), now.Add(future))
	for name, tc := range map[string]struct{ certificate, key, want []byte }{
		"PKCS #8":                  {pki.certificate, pki.key, pki.key},
		"PKCS #8, by another name": {pki.certificate, encode("EC PRIVATE KEY", block.Bytes), pki.key},
		"PKCS #8, by no name":      {pki.certificate, encode("hush-hush-PRIVATE KEY", block.Bytes), pki.key},
		"PKCS #8, with a tail":     {pki.certificate, encode("PRIVATE KEY", append(bytes.Clone(block.Bytes), "hush-hush"...)), pki.key},
		"PKCS #1":                  {ofRSA, encode("RSA PRIVATE KEY", pkcs1), encode("RSA PRIVATE KEY", pkcs1)},
		"PKCS #1, by another name": {ofRSA, encode("PRIVATE KEY", pkcs1), encode("RSA PRIVATE KEY", pkcs1)},
		"SEC 1":                    {pki.certificate, encode("EC PRIVATE KEY", sec1), encode("EC PRIVATE KEY", sec1)},
		"SEC 1, with a tail":       {pki.certificate, encode("EC PRIVATE KEY", append(bytes.Clone(sec1), "hush-hush"...)), encode("EC PRIVATE KEY", sec1)},
	} {
		t.Run(name, func(t *testing.T) {
			kc := expectAccepted(t, parts(func(p *Parts) { p.ClientCertificate, p.ClientKey = tc.certificate, tc.key }))
			NewWithT(t).Expect(string(kc.clientKey)).To(Equal(string(tc.want)))
		})
	}
}

func TestCertificateWinsOverToken(t *testing.T) {
	g := NewWithT(t)
	kc := expectAccepted(t, parts(func(p *Parts) { p.Token = "hush-hush" }))
	g.Expect(kc.Credential).To(Equal(ClientCertificate))
	g.Expect(kc.Bytes("c")).NotTo(ContainSubstring("token"))
}
