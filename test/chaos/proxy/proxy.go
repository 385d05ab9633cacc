package proxy

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/cert"
)

// Proxy is a running proxy.
type Proxy struct {
	dice     dice
	throwing atomic.Bool
	address  string
	ca       []byte
	// key is what callers must show; empty if they show a credential of the API
	// server, which is passed on.
	key     string
	server  *http.Server
	served  chan error
	reverse *httputil.ReverseProxy

	mu     sync.Mutex
	counts map[Fault]int
}

// ForOwner starts a proxy that asks the API server as the user of the config.
// Callers have its Kubeconfig.
func ForOwner(config *rest.Config, seed uint64) (*Proxy, error) {
	return start(config, rand.Text(), seed)
}

// ForCallers starts a proxy that passes the callers' bearer tokens on. Only the
// address and CA of the config are used.
func ForCallers(config *rest.Config, seed uint64) (*Proxy, error) {
	return start(rest.AnonymousClientConfig(config), "", seed)
}

func start(config *rest.Config, key string, seed uint64) (*Proxy, error) {
	upstream, err := url.Parse(config.Host)
	if err != nil {
		return nil, fmt.Errorf("read the address of the API server: %w", err)
	}
	transport, err := rest.TransportFor(config)
	if err != nil {
		return nil, fmt.Errorf("make a transport to the API server: %w", err)
	}
	const host = "127.0.0.1"
	certificate, privateKey, err := cert.GenerateSelfSignedCertKey(host, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("make a certificate for the proxy: %w", err)
	}
	pair, err := tls.X509KeyPair(certificate, privateKey)
	if err != nil {
		return nil, fmt.Errorf("read the certificate for the proxy: %w", err)
	}
	listener, err := net.Listen("tcp", host+":0")
	if err != nil {
		return nil, fmt.Errorf("listen for the proxy: %w", err)
	}
	// Connections that break are the whole point and no news.
	silent := log.New(io.Discard, "", 0)
	p := &Proxy{
		dice:    dice{seed: seed, count: map[string]int{}},
		address: "https://" + listener.Addr().String(), ca: certificate, key: key,
		served: make(chan error, 1), counts: map[Fault]int{},
		reverse: &httputil.ReverseProxy{
			Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(upstream); r.Out.Host = upstream.Host },
			Transport: transport, FlushInterval: -1, ErrorLog: silent, ErrorHandler: drop,
		},
	}
	p.server = &http.Server{
		Handler: p, ErrorLog: silent, ReadHeaderTimeout: time.Minute,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
	}
	go func() { p.served <- p.server.ServeTLS(listener, "", "") }()
	return p, nil
}

// drop ends a request without an answer.
func drop(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }

// Throw begins and ends the faults. Those that are under way go on.
func (p *Proxy) Throw(faults bool) { p.throwing.Store(faults) }

// Counts are how many requests had which fate while faults were thrown.
func (p *Proxy) Counts() map[Fault]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.counts)
}

// Address is the URL of the proxy, and CA what its certificate is checked with.
func (p *Proxy) Address() string { return p.address }

// CA is PEM.
func (p *Proxy) CA() []byte { return p.ca }

// Key is what callers of a proxy ForOwner must show.
func (p *Proxy) Key() string { return p.key }

// Kubeconfig leads to a proxy ForOwner.
func (p *Proxy) Kubeconfig() ([]byte, error) {
	config := clientcmdapi.NewConfig()
	config.Clusters["proxy"] = &clientcmdapi.Cluster{Server: p.address, CertificateAuthorityData: p.ca}
	config.AuthInfos["proxy"] = &clientcmdapi.AuthInfo{Token: p.key}
	config.Contexts["proxy"] = &clientcmdapi.Context{Cluster: "proxy", AuthInfo: "proxy"}
	config.CurrentContext = "proxy"
	return clientcmd.Write(*config)
}

// Stop ends the proxy with all that it is doing.
func (p *Proxy) Stop() error {
	err := p.server.Close()
	if served := <-p.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// ServeHTTP passes a request on, or does what the dice say.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.key != "" {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+p.key)) == 0 {
			refuse(w, apierrors.NewUnauthorized("Unauthorized"))
			return
		}
		r.Header.Del("Authorization")
	}
	if !p.throwing.Load() {
		p.reverse.ServeHTTP(w, r)
		return
	}
	fate := p.dice.roll(r)
	p.mu.Lock()
	p.counts[fate.fault]++
	p.mu.Unlock()
	p.meet(fate, w, r)
}

// meet has the request meet its fate.
func (p *Proxy) meet(fate fate, w http.ResponseWriter, r *http.Request) {
	switch fate.fault {
	case CutWatch:
		ctx, cancel := context.WithTimeout(r.Context(), fate.after)
		defer cancel()
		r = r.WithContext(ctx)
	case LostAnswer:
		p.reverse.ServeHTTP(&nowhere{header: http.Header{}}, r)
		panic(http.ErrAbortHandler)
	default:
		if !pass(r.Context(), fate.after) {
			return
		}
		if refusal, is := refusals[fate.fault]; is {
			refuse(w, refusal)
			return
		}
	}
	p.reverse.ServeHTTP(w, r)
}

// pass lets time pass, and tells whether the caller is still there.
func pass(ctx context.Context, period time.Duration) bool {
	if period == 0 {
		return true
	}
	timer := time.NewTimer(period)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// nowhere takes an answer that nobody gets.
type nowhere struct{ header http.Header }

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n *nowhere) WriteHeader(int)             {}
