package workload

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// server is one that is no API server, and counts what reaches it.
type server struct {
	*httptest.Server
	requests atomic.Int32
}

func newServer(t *testing.T, handler http.HandlerFunc) *server {
	t.Helper()
	return newServerWith(t, nil, handler)
}

// newServerWith is newServer with a TLS configuration; without certificates in it
// the server has one that is good.
func newServerWith(t *testing.T, config *tls.Config, handler http.HandlerFunc) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		handler(w, r)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = config
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func (s *server) ca() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}

// kubeconfig is one with a token for the server, which is expected to have a
// certificate of the CA.
func (s *server) kubeconfig(t *testing.T, ca []byte) []byte {
	t.Helper()
	return kubeconfig(t, s.URL, ca, "hush-hush")
}

func kubeconfig(t *testing.T, host string, ca []byte, token string) []byte {
	t.Helper()
	return kubeconfigOf(t, host, ca, &clientcmdapi.AuthInfo{Token: token})
}

func kubeconfigOf(t *testing.T, host string, ca []byte, user *clientcmdapi.AuthInfo) []byte {
	t.Helper()
	text, err := clientcmd.Write(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"c": {Server: host, CertificateAuthorityData: ca}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"u": user},
		Contexts:       map[string]*clientcmdapi.Context{"x": {Cluster: "c", AuthInfo: "u"}},
		CurrentContext: "x",
	})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return text
}

// opened is a kubeconfig of the real API server with a token.
func opened(t *testing.T, token string) []byte {
	t.Helper()
	return kubeconfig(t, env.Config.Host, env.Config.CAData, token)
}
