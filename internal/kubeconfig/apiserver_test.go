package kubeconfig_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/captproject/capt/internal/kubeconfig"
)

// apiServer stands for the API server of a cluster: a TLS server on the loopback interface that
// tells who is asking, and counts how far clients got.
type apiServer struct {
	*httptest.Server
	url *url.URL // where clients believe it to be
	// certificate (DER) and token are the only ones that it knows.
	certificate []byte
	token       string
	// dials are attempts to connect; greetings are those in which the client has accepted the
	// server's certificate and so might have shown its own; requests are what came after.
	dials, greetings, requests atomic.Int32
}

// startAPIServer makes a server whose certificate is of the given authority, for the host of the
// cluster, and which knows the credentials of the cluster.
func startAPIServer(t *testing.T, c cluster, of authority) *apiServer {
	t.Helper()
	g := NewWithT(t)
	block, _ := pem.Decode([]byte(c.certificate))
	s := &apiServer{certificate: block.Bytes, token: c.token}
	var err error
	s.url, err = url.Parse(c.server)
	g.Expect(err).NotTo(HaveOccurred())
	certificate, key := of.forServer(t, s.url.Hostname())
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	g.Expect(err).NotTo(HaveOccurred())
	s.Server = httptest.NewUnstartedServer(s)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // it would tell of every client that hangs up
	s.TLS = &tls.Config{
		Certificates: []tls.Certificate{pair},
		ClientAuth:   tls.RequestClientCert,
		VerifyConnection: func(tls.ConnectionState) error {
			s.greetings.Add(1)
			return nil
		},
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// ServeHTTP answers as an API server does to a SelfSubjectReview. The user's name is the kind of
// credential, of which a certificate comes first.
func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	user := kubeconfig.Credential("")
	switch {
	case len(r.TLS.PeerCertificates) > 0 && string(r.TLS.PeerCertificates[0].Raw) == string(s.certificate):
		user = kubeconfig.ClientCertificate
	case r.Header.Get("Authorization") == "Bearer "+s.token:
		user = kubeconfig.Token
	}
	w.Header().Set("Content-Type", "application/json")
	switch {
	case user == "":
		w.WriteHeader(http.StatusUnauthorized)
		encode(w, metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"},
			Status: metav1.StatusFailure, Reason: metav1.StatusReasonUnauthorized, Code: http.StatusUnauthorized})
	case r.Method != http.MethodPost || r.URL.Path != s.url.Path+"/apis/authentication.k8s.io/v1/selfsubjectreviews":
		w.WriteHeader(http.StatusNotFound)
	default:
		w.WriteHeader(http.StatusCreated)
		encode(w, authenticationv1.SelfSubjectReview{
			TypeMeta: metav1.TypeMeta{APIVersion: "authentication.k8s.io/v1", Kind: "SelfSubjectReview"},
			Status:   authenticationv1.SelfSubjectReviewStatus{UserInfo: authenticationv1.UserInfo{Username: string(user)}},
		})
	}
}

func encode(w io.Writer, answer any) {
	_ = json.NewEncoder(w).Encode(answer) // a client that has gone does not want it
}

// dial leads to the server whoever wants to go to its URL, and nobody else.
func (s *apiServer) dial(ctx context.Context, _, address string) (net.Conn, error) {
	port := s.url.Port()
	if port == "" {
		port = "443"
	}
	if want := net.JoinHostPort(s.url.Hostname(), port); !strings.EqualFold(address, want) {
		return nil, fmt.Errorf("the client goes to %s instead of %s", address, want)
	}
	s.dials.Add(1)
	return new(net.Dialer).DialContext(ctx, "tcp", s.Listener.Addr().String())
}

// whoAmI asks the server, with a client made of a published kubeconfig and nothing else.
func (s *apiServer) whoAmI(t *testing.T, published []byte) (kubeconfig.Credential, error) {
	t.Helper()
	g := NewWithT(t)
	config, err := clientcmd.RESTConfigFromKubeConfig(published)
	g.Expect(err).NotTo(HaveOccurred())
	config.Dial = s.dial
	config.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil } // not that of the environment
	clientset, err := kubernetes.NewForConfig(config)
	g.Expect(err).NotTo(HaveOccurred())
	review, err := clientset.AuthenticationV1().SelfSubjectReviews().Create(t.Context(),
		&authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	return kubeconfig.Credential(review.Status.UserInfo.Username), nil
}
