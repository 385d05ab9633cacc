package workload

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"
)

// newGateway is a server that takes one token of its own, and asks the real API
// server as an administrator then. before is called with each request.
func newGateway(t *testing.T, before func(*http.Request)) *server {
	t.Helper()
	g := NewWithT(t)
	upstream, err := url.Parse(env.Config.Host)
	g.Expect(err).NotTo(HaveOccurred())
	transport, err := rest.TransportFor(env.Config)
	g.Expect(err).NotTo(HaveOccurred())
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(upstream)
		r.Out.Header.Del("Authorization")
	}}
	return newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer hush-hush" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		before(r)
		proxy.ServeHTTP(w, r)
	})
}

func TestATokenIsTriedBeforeItIsGiven(t *testing.T) {
	d, s := newDesk(t), newGateway(t, func(*http.Request) {})
	issued := d.issue(d.account("cluster-admin"), Credentials{Module: s.kubeconfig(t, s.ca())})
	d.Expect(issued.Err).To(reason(ReasonTokenRefused))
	d.Expect(issued.Token).To(BeEmpty())
}

func TestAnAccountThatIsBeingMadeIsRemovedAfterwards(t *testing.T) {
	d, hold, held := newDesk(t), make(chan struct{}), make(chan struct{})
	s := newGateway(t, func(r *http.Request) {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/serviceaccounts") {
			close(held)
			<-hold
		}
	})
	account, module := d.account("cluster-admin"), Credentials{Module: s.kubeconfig(t, s.ca())}
	d.Expect(d.clusters.Issue(account, module, time.Time{})).To(BeZero())
	d.Eventually(held).WithTimeout(time.Minute).Should(BeClosed())
	remove := func() Answer { return d.clusters.Remove(account, module, time.Time{}) }
	d.Expect(remove()).To(BeZero())
	// Another question takes the place of the one that is under way.
	d.Expect(d.clusters.Issue(account, Credentials{Module: env.Kubeconfig}, time.Time{})).To(BeZero())
	d.wake()
	d.Expect(remove()).To(BeZero(), "the first one goes on")
	close(hold)
	d.wake()
	d.Expect(d.answer(remove).Err).NotTo(HaveOccurred())
	d.expectObjects(account, 0)
}
