package workload

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// newCertificate is one for test servers that signs itself, and so is its own CA.
func newCertificate(t *testing.T, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	g := NewWithT(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	g.Expect(err).NotTo(HaveOccurred())
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	change(template)
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	g.Expect(err).NotTo(HaveOccurred())
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestNothingIsSentToAServerWithAnotherCertificate(t *testing.T) {
	good := func(*x509.Certificate) {}
	for name, tt := range map[string]struct {
		change func(*x509.Certificate)
		// foreign tells that the CA in the kubeconfig is another one.
		foreign bool
		// refused tells that the certificate is.
		refused bool
	}{
		"the right one":  {change: good},
		"of another CA":  {change: good, foreign: true, refused: true},
		"of other names": {change: func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"elsewhere"} }, refused: true},
		"ended":          {change: func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) }, refused: true},
		"not yet valid":  {change: func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour / 2) }, refused: true},
	} {
		for kind, user := range map[string]*clientcmdapi.AuthInfo{
			"token":       {Token: "hush-hush"},
			"certificate": {ClientCertificateData: env.Config.CertData, ClientKeyData: env.Config.KeyData},
		} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				d := newDesk(t)
				var shown atomic.Int32
				s := newServerWith(t, &tls.Config{
					Certificates: []tls.Certificate{newCertificate(t, tt.change)}, ClientAuth: tls.RequestClientCert,
					VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
						shown.Add(int32(len(raw)))
						return nil
					},
				}, func(http.ResponseWriter, *http.Request) {})
				ca := s.ca()
				if tt.foreign {
					ca = env.Config.CAData
				}
				answer := d.verify(kubeconfigOf(t, s.URL, ca, user))
				if tt.refused {
					d.Expect(s.requests.Load()).To(BeZero())
					d.Expect(shown.Load()).To(BeZero(), "certificates of the client")
					d.Expect(answer.Err).To(reason(ReasonServerCertificateInvalid))
					return
				}
				d.Expect(s.requests.Load()).NotTo(BeZero())
				d.Expect(shown.Load() > 0).To(Equal(user.Token == ""), "certificates of the client")
			})
		}
	}
}
