package workload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"runtime"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
)

// reason matches an *Error with the reason, whose text quotes nobody.
func reason(reason string) types.GomegaMatcher {
	return WithTransform(func(err error) string {
		var known *Error
		if !errors.As(err, &known) {
			return fmt.Sprintf("not an *Error: %v", err)
		}
		if strings.Contains(known.Error(), "hush-hush") || strings.Contains(known.Error(), "127.0.0.1") {
			return "the text quotes somebody: " + known.Error()
		}
		return known.Reason()
	}, Equal(reason))
}

func TestWhoWeAre(t *testing.T) {
	d := newDesk(t)
	answer := d.verify(env.Kubeconfig)
	d.Expect(answer.Err).NotTo(HaveOccurred())
	d.Expect(answer.At).To(Equal(noon))
	d.Expect(answer.User).NotTo(BeEmpty())
	d.Expect(answer.Version).To(HavePrefix("v1."))

	d.Expect(d.verify(opened(t, "wrong")).Err).To(reason(ReasonCredentialRefused))
}

// A server without SelfSubjectReviews is one older than Kubernetes 1.28.
func TestAnOldServer(t *testing.T) {
	d := newDesk(t)
	var reviews []string
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch path.Base(r.URL.Path) {
		case "version":
			_, _ = fmt.Fprint(w, `{"gitVersion":"v1.27.16"}`)
		case "selfsubjectaccessreviews":
			reviews = append(reviews, r.URL.Path)
			w.WriteHeader(http.StatusCreated)
			_, _ = fmt.Fprint(w, `{"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1","status":{"allowed":false}}`)
		default:
			http.NotFound(w, r)
		}
	})
	answer := d.verify(s.kubeconfig(t, s.ca()))
	d.Expect(answer.Err).NotTo(HaveOccurred())
	d.Expect(answer.User).To(BeEmpty())
	d.Expect(answer.Version).To(Equal("v1.27.16"))
	d.Expect(reviews).To(HaveLen(1))
}

func TestServersThatAreNone(t *testing.T) {
	const refusal = `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"hush-hush","reason":"%s","code":%d}`
	status := func(reason string, code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(code)
			_, _ = fmt.Fprintf(w, refusal, reason, code)
		}
	}
	for name, tt := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"says no":         {status("Forbidden", http.StatusForbidden), ReasonCredentialForbidden},
		"is broken":       {status("InternalError", http.StatusInternalServerError), ReasonServerFailed},
		"is no API":       {func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "<html>hush-hush") }, ReasonServerUnreachable},
		"says nothing":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, ReasonServerUnreachable},
		"hangs up on us":  {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, ReasonServerUnreachable},
		"never stops":     {endless, ReasonServerUnreachable},
		"never says more": {silent, ReasonServerUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, s := newDesk(t), newServer(t, tt.handler)
			d.Expect(d.verify(s.kubeconfig(t, s.ca())).Err).To(reason(tt.want))
			d.Expect(s.requests.Load()).To(BeNumerically(">", 0))
		})
	}
	t.Run("is not there", func(t *testing.T) {
		d, s := newDesk(t), newServer(t, nil)
		s.Close()
		d.Expect(d.verify(s.kubeconfig(t, s.ca())).Err).To(reason(ReasonServerUnreachable))
	})
}

// silent answers nothing until nobody listens any more, which shows when the
// request has been read.
func silent(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// endless answers for as long as anybody listens.
func endless(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	chunk := make([]byte, 1<<16)
	for i := range chunk {
		chunk[i] = ' '
	}
	for {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

func TestNoServerSendsACredentialOn(t *testing.T) {
	d := newDesk(t)
	thief := newServer(t, func(http.ResponseWriter, *http.Request) {})
	// The certificates of test servers are all of one CA: only we can refuse.
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, thief.URL+r.URL.Path, http.StatusTemporaryRedirect)
	})
	d.Expect(d.verify(s.kubeconfig(t, s.ca())).Err).To(HaveOccurred())
	d.Expect(s.requests.Load()).To(BeNumerically(">", 0))
	d.Expect(thief.requests.Load()).To(BeZero())
}

func TestAnAnswerIsKeptUntilItIsTooOld(t *testing.T) {
	d := newDesk(t)
	s := newServer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	text := s.kubeconfig(t, s.ca())
	ask := func(since time.Time) Answer { return d.clusters.Verify(d.owner, text, since) }
	first := d.answer(func() Answer { return ask(time.Time{}) })
	d.Expect(first.Failures).To(Equal(1))
	asked := s.requests.Load()
	d.Expect(ask(noon)).To(Equal(first), "it is not older than that")
	d.Expect(s.requests.Load()).To(Equal(asked))

	later := noon.Add(time.Second)
	d.clock.SetTime(later)
	for range 3 {
		d.Expect(ask(later)).To(Equal(first), "the old one until there is another")
	}
	d.wake()
	second := ask(later)
	d.Expect(second.At).To(Equal(later))
	d.Expect(second.Failures).To(Equal(2))
	d.Expect(d.clusters.Verify(d.owner, env.Kubeconfig, time.Time{})).To(BeZero(), "another kubeconfig is another question")
	d.wake()
	d.clusters.Forget(d.owner)
	d.Expect(d.clusters.Verify(d.owner, env.Kubeconfig, time.Time{})).To(BeZero())
	d.wake()
}

func TestAHangingServerDelaysNobodyElse(t *testing.T) {
	d := newDesk(t)
	release := make(chan struct{})
	s := newServer(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	for i := range 100 {
		hanging := d.owner
		hanging.Name = fmt.Sprintf("hanging-%d", i)
		d.Expect(d.clusters.Verify(hanging, s.kubeconfig(t, s.ca()), time.Time{})).To(BeZero())
	}
	// Woken for it, not for any of the others: they hang still.
	d.Expect(d.verify(env.Kubeconfig).User).NotTo(BeEmpty())
}

func TestNothingIsLeftOfAConnection(t *testing.T) {
	g := NewWithT(t)
	ask := func() {
		c, err := connect(env.Kubeconfig)
		g.Expect(err).NotTo(HaveOccurred())
		_, err = c.whoAmI(context.Background())
		g.Expect(err).NotTo(HaveOccurred())
		c.close()
	}
	ask() // what stays is made at the first
	before := runtime.NumGoroutine()
	for range 30 {
		ask()
	}
	g.Eventually(runtime.NumGoroutine).WithTimeout(10 * time.Second).Should(BeNumerically("<", before+15))
}
