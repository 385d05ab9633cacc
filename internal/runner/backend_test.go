package runner

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/captproject/capt/internal/tfstate"
)

const (
	someState  = `{"version":4,"serial":1}`
	laterState = `{"version":4,"serial":2}`
)

func newStore(c client.Client) *stateStore {
	return &stateStore{client: c, namespace: "ns", suffix: "w-abc", report: func(error) {}}
}

func newBackend(t *testing.T) *backend {
	t.Helper()
	g := NewWithT(t)
	dir := t.TempDir()
	log, err := openLog(filepath.Join(dir, logFile), nil, func(s string) string { return s })
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(log.close)
	b := &backend{
		store: newStore(fake.NewClientBuilder().Build()), unsaved: filepath.Join(dir, unsavedFile),
		hold: time.Minute, giveUp: context.Background(), saved: func([]byte) {}, log: log,
	}
	g.Expect(b.serve()).To(Succeed())
	t.Cleanup(b.close)
	return b
}

// ask sends one request and returns status and body.
func ask(t *testing.T, b *backend, method, query, body string) (int, string) {
	t.Helper()
	g := NewWithT(t)
	req, err := http.NewRequest(method, b.address+query, strings.NewReader(body))
	g.Expect(err).NotTo(HaveOccurred())
	req.SetBasicAuth(b.username, b.password)
	resp, err := http.DefaultClient.Do(req)
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	g.Expect(err).NotTo(HaveOccurred())
	return resp.StatusCode, string(answer)
}

func TestBackend(t *testing.T) {
	g := NewWithT(t)
	b := newBackend(t)
	expect := func(method, query, body string, status int) string {
		t.Helper()
		got, answer := ask(t, b, method, query, body)
		g.Expect(got).To(Equal(status))
		return answer
	}
	g.Expect(b.address).To(HavePrefix("http://127.0.0.1:"))
	expect("GET", "", "", http.StatusNoContent)
	expect("POST", "", someState, http.StatusConflict) // without a lock

	expect("LOCK", "", `{"ID":"1","Operation":"plan"}`, http.StatusOK)
	g.Expect(expect("LOCK", "", `{"ID":"2"}`, http.StatusLocked)).To(ContainSubstring(`"ID":"1"`))
	expect("POST", "?ID=2", someState, http.StatusConflict)
	expect("POST", "", someState, http.StatusConflict)
	expect("POST", "?ID=1", someState, http.StatusOK)
	g.Expect(expect("GET", "", "", http.StatusOK)).To(Equal(someState))
	g.Expect(b.unsaved).NotTo(BeAnExistingFile())

	expect("UNLOCK", "", `{"ID":"2"}`, http.StatusConflict)
	expect("UNLOCK", "", `{"ID":"1"}`, http.StatusOK)
	expect("POST", "?ID=1", laterState, http.StatusConflict)
	expect("DELETE", "", "", http.StatusMethodNotAllowed)
	g.Expect(expect("GET", "", "", http.StatusOK)).To(Equal(someState))

	expect("LOCK", "", `{"ID":"3"}`, http.StatusOK)
	b.release() // its command has ended
	expect("LOCK", "", `{"ID":"4"}`, http.StatusOK)
	g.Expect(b.failed()).NotTo(HaveOccurred())
}

func TestBackendIsNobodyElses(t *testing.T) {
	g := NewWithT(t)
	b, other := newBackend(t), newBackend(t)
	g.Expect(other.password).NotTo(Equal(b.password))
	b.password = other.password
	status, _ := ask(t, b, "GET", "", "")
	g.Expect(status).To(Equal(http.StatusNoContent))
	b.username, b.password = "capt", "x"
	resp, err := http.Get(b.address)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(resp.Body.Close()).To(Succeed())
	g.Expect(resp.StatusCode).To(Equal(http.StatusUnauthorized))
}

func TestBackendThatGivesUp(t *testing.T) {
	g := NewWithT(t)
	b := newBackend(t)
	giveUp, stop := context.WithCancel(context.Background())
	b.giveUp = giveUp
	b.store.client = &unreliable{b.store.client, func(client.Object) error {
		state, err := os.ReadFile(b.unsaved)
		g.Expect(err).NotTo(HaveOccurred(), "it lies on disk before it is tried")
		g.Expect(string(state)).To(Equal(someState))
		stop()
		return apierrors.NewInternalError(io.ErrUnexpectedEOF)
	}}
	ask(t, b, "LOCK", "", `{"ID":"1"}`)
	status, _ := ask(t, b, "POST", "?ID=1", someState)
	g.Expect(status).To(Equal(http.StatusInternalServerError))
	g.Expect(b.failed()).To(MatchError(ContainSubstring("unexpected EOF")))
	g.Expect(b.unsaved).To(BeAnExistingFile())

	// The next write may do better.
	b.giveUp = context.Background()
	b.store.client = fake.NewClientBuilder().Build()
	status, _ = ask(t, b, "POST", "?ID=1", laterState)
	g.Expect(status).To(Equal(http.StatusOK))
	g.Expect(b.failed()).NotTo(HaveOccurred())
	g.Expect(b.unsaved).NotTo(BeAnExistingFile())
}

// Somebody else writes the Secret between our reading and our writing.
func TestStateStoreIsFenced(t *testing.T) {
	for name, tc := range map[string]struct {
		meddle func(context.Context, client.Client, *corev1.Secret) error
		want   error
	}{
		"nobody does": {func(context.Context, client.Client, *corev1.Secret) error { return nil }, nil},
		"a label": {func(ctx context.Context, c client.Client, s *corev1.Secret) error {
			s.Labels["moved"] = "yes"
			return c.Update(ctx, s)
		}, nil},
		"what we were about to write": {func(ctx context.Context, c client.Client, s *corev1.Secret) error {
			if _, err := tfstate.Encode(s, []byte(laterState), tfstate.GroupA); err != nil {
				return err
			}
			return c.Update(ctx, s)
		}, nil},
		"it was deleted": {func(ctx context.Context, c client.Client, s *corev1.Secret) error {
			return c.Delete(ctx, s)
		}, nil},
		"another state": {func(ctx context.Context, c client.Client, s *corev1.Secret) error {
			if _, err := tfstate.Encode(s, []byte(`{"version":4,"serial":9}`), tfstate.GroupA); err != nil {
				return err
			}
			return c.Update(ctx, s)
		}, errStateChanged},
		"no state at all": {func(ctx context.Context, c client.Client, s *corev1.Secret) error {
			s.Data[tfstate.StateKey] = []byte("oops")
			return c.Update(ctx, s)
		}, errStateChanged},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			ctx := context.Background()
			c := fake.NewClientBuilder().Build()
			g.Expect(newStore(c).save(ctx, []byte(someState))).To(Succeed())

			store := newStore(c)
			g.Expect(store.load(ctx)).To(Succeed())
			g.Expect(string(store.state)).To(Equal(someState))
			g.Expect(tc.meddle(ctx, c, store.secret.DeepCopy())).To(Succeed())
			err := store.save(ctx, []byte(laterState))
			if tc.want != nil {
				g.Expect(err).To(MatchError(tc.want))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(store.load(ctx)).To(Succeed())
			g.Expect(string(store.state)).To(Equal(laterState))
			if name == "a label" {
				g.Expect(store.secret.Labels).To(HaveKeyWithValue("moved", "yes"))
			}
		})
	}
}

func TestStateThatAppearsMeanwhile(t *testing.T) {
	g := NewWithT(t)
	ctx := context.Background()
	c := fake.NewClientBuilder().Build()
	store := newStore(c)
	g.Expect(store.load(ctx)).To(Succeed())
	g.Expect(newStore(c).save(ctx, []byte(someState))).To(Succeed())
	g.Expect(store.save(ctx, []byte(laterState))).To(MatchError(errStateChanged))

	// An empty Secret, made beforehand, is as good as none.
	c = fake.NewClientBuilder().WithObjects(tfstate.NewSecret("ns", "w-abc", nil)).Build()
	store = newStore(c)
	g.Expect(store.load(ctx)).To(Succeed())
	g.Expect(store.state).To(BeNil())
	g.Expect(store.save(ctx, []byte(someState))).To(Succeed())
}

func TestStateThatIsNone(t *testing.T) {
	g := NewWithT(t)
	secret := tfstate.NewSecret("ns", "w-abc", nil)
	secret.Data = map[string][]byte{tfstate.StateKey: []byte("oops")}
	store := newStore(fake.NewClientBuilder().WithObjects(secret).Build())
	g.Expect(store.load(context.Background())).To(MatchError(errUnreadable))
}
