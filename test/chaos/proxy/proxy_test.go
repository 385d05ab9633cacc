package proxy

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// server is an API server that counts its requests.
type server struct {
	config   *rest.Config
	requests atomic.Int32
	// who is the last credential.
	who atomic.Value
}

func newServer(t *testing.T) *server {
	s := &server{}
	upstream := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		s.who.Store(r.Header.Get("Authorization"))
		w.Header().Set("Content-Type", "application/json")
		if !isWatch(r) {
			_, _ = io.WriteString(w, `{"kind":"Secret","apiVersion":"v1","metadata":{"name":"s"}}`)
			return
		}
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(upstream.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: upstream.Certificate().Raw})
	s.config = &rest.Config{Host: upstream.URL, BearerToken: "manager", TLSClientConfig: rest.TLSClientConfig{CAData: ca}}
	return s
}

// owner starts a proxy for one who has its kubeconfig.
func (s *server) owner(t *testing.T, seed uint64) (*Proxy, *kubernetes.Clientset) {
	g := NewWithT(t)
	p, err := ForOwner(s.config, seed)
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { g.Expect(p.Stop()).To(Succeed()) })
	file, err := p.Kubeconfig()
	g.Expect(err).NotTo(HaveOccurred())
	config, err := clientcmd.RESTConfigFromKubeConfig(file)
	g.Expect(err).NotTo(HaveOccurred())
	clientset, err := kubernetes.NewForConfig(config)
	g.Expect(err).NotTo(HaveOccurred())
	return p, clientset
}

func create(ctx context.Context, c *kubernetes.Clientset) error {
	_, err := c.CoreV1().Secrets("n").Create(ctx, &corev1.Secret{}, metav1.CreateOptions{})
	return err
}

func TestWhatIsNotThrownPasses(t *testing.T) {
	g := NewWithT(t)
	s := newServer(t)
	p, c := s.owner(t, 1)
	g.Expect(create(t.Context(), c)).To(Succeed())
	g.Expect(s.who.Load()).To(Equal("Bearer manager"), "it asks as its owner")
	g.Expect(p.Counts()).To(BeEmpty())
}

func TestOnlyTheOwnerIsServed(t *testing.T) {
	g := NewWithT(t)
	s := newServer(t)
	p, _ := s.owner(t, 1)
	stranger, err := kubernetes.NewForConfig(&rest.Config{Host: p.Address(), BearerToken: "guessed", TLSClientConfig: rest.TLSClientConfig{CAData: p.CA()}})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(apierrors.IsUnauthorized(create(t.Context(), stranger))).To(BeTrue())
	g.Expect(s.requests.Load()).To(BeZero())
}

func TestCallersKeepTheirCredential(t *testing.T) {
	g := NewWithT(t)
	s := newServer(t)
	p, err := ForCallers(s.config, 1)
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { g.Expect(p.Stop()).To(Succeed()) })
	caller, err := kubernetes.NewForConfig(&rest.Config{Host: p.Address(), BearerToken: "mine", TLSClientConfig: rest.TLSClientConfig{CAData: p.CA()}})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(create(t.Context(), caller)).To(Succeed())
	g.Expect(s.who.Load()).To(Equal("Bearer mine"))
}

func TestFaults(t *testing.T) {
	for fault, test := range map[Fault]struct {
		is      func(error) bool
		reaches int32
	}{
		None:            {func(err error) bool { return err == nil }, 1},
		Delay:           {func(err error) bool { return err == nil }, 1},
		Conflict:        {apierrors.IsConflict, 0},
		TooManyRequests: {apierrors.IsTooManyRequests, 0},
		InternalError:   {apierrors.IsInternalError, 0},
		Timeout:         {apierrors.IsTimeout, 0},
		LostAnswer: {func(err error) bool {
			var connection *url.Error
			return errors.As(err, &connection)
		}, 1},
	} {
		t.Run(string(fault), func(t *testing.T) {
			g := NewWithT(t)
			s := newServer(t)
			p, c := s.owner(t, 1)
			// Every request meets this fate.
			p.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				p.meet(fate{fault: fault, after: time.Millisecond}, w, r)
			})
			// Without the retries of client-go, which are for 429 only.
			result := c.CoreV1().RESTClient().Post().AbsPath("/api/v1/namespaces/n/secrets").MaxRetries(0).Body([]byte("{}")).Do(t.Context())
			g.Expect(test.is(result.Error())).To(BeTrue(), "%v", result.Error())
			g.Expect(s.requests.Load()).To(Equal(test.reaches))
		})
	}
}

func TestAWatchIsCut(t *testing.T) {
	g := NewWithT(t)
	s := newServer(t)
	p, c := s.owner(t, 1)
	p.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.meet(fate{fault: CutWatch, after: time.Millisecond}, w, r)
	})
	w, err := c.CoreV1().Secrets("n").Watch(t.Context(), metav1.ListOptions{})
	if err == nil { // it may be cut before it has begun
		g.Eventually(w.ResultChan()).WithTimeout(time.Minute).Should(BeClosed())
	}
}

func TestTheSeedDecides(t *testing.T) {
	g := NewWithT(t)
	fates := func(seed uint64, order []string) map[string][]Fault {
		d := &dice{seed: seed, count: map[string]int{}}
		all := map[string][]Fault{}
		for _, path := range order {
			all[path] = append(all[path], d.roll(httptest.NewRequest(http.MethodPut, path, nil)).fault)
		}
		return all
	}
	var mixed, sorted []string
	for range 200 {
		mixed = append(mixed, "/a", "/b")
	}
	for i := range 400 {
		sorted = append(sorted, []string{"/b", "/a"}[i/200])
	}
	g.Expect(fates(1, mixed)).To(Equal(fates(1, sorted)), "in whatever order requests come")
	g.Expect(fates(1, mixed)).NotTo(Equal(fates(2, mixed)))
	g.Expect(fates(1, mixed)["/a"]).NotTo(Equal(fates(1, mixed)["/b"]))
}

func TestEveryFaultIsThrown(t *testing.T) {
	g := NewWithT(t)
	p := &Proxy{dice: dice{seed: 1, count: map[string]int{}}}
	seen := map[Fault]int{}
	for i := range 2000 {
		path := fmt.Sprintf("/%d", i)
		for _, r := range []*http.Request{
			httptest.NewRequest(http.MethodPut, path, nil),
			httptest.NewRequest(http.MethodGet, path, nil),
			httptest.NewRequest(http.MethodGet, path+"?watch=true", nil),
		} {
			seen[p.dice.roll(r).fault]++
		}
	}
	for _, fault := range Faults() {
		g.Expect(seen[fault]).To(BeNumerically(">", 10), string(fault))
	}
	g.Expect(seen[None]).To(BeNumerically(">", 3000), "most requests pass")
}

func TestFaultsAreCountedWhileTheyAreThrown(t *testing.T) {
	g := NewWithT(t)
	p, c := newServer(t).owner(t, 1)
	p.Throw(true)
	for range 20 {
		_ = create(t.Context(), c)
	}
	p.Throw(false)
	sum := 0
	for _, count := range p.Counts() {
		sum += count
	}
	g.Expect(sum).To(BeNumerically(">=", 20))
	g.Expect(p.Counts()[None]).To(BeNumerically("<", sum))
}
