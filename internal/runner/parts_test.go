package runner

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/tfstate"
)

// stateOf is a state of so many MiB when compressed, and a little more.
func stateOf(serial, size int) []byte {
	noise := make([]byte, size<<20)
	_, _ = rand.Read(noise)
	return fmt.Appendf(nil, `{"version":4,"serial":%d,"lineage":"l","padding":"%s"}`, serial, hex.EncodeToString(noise))
}

// mortal is a client whose owner is killed at a certain write, before it or, if
// late, after it.
type mortal struct {
	client.Client
	kill   context.CancelFunc
	writes int
	late   bool
}

var errKilled = errors.New("killed")

func (m *mortal) write(do func() error) error {
	m.writes--
	if m.writes > 0 || m.writes == 0 && m.late {
		if err := do(); m.writes > 0 {
			return err
		}
	}
	m.kill()
	return errKilled
}

func (m *mortal) Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error {
	return m.write(func() error { return m.Client.Create(ctx, obj, opts...) })
}

func (m *mortal) Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error {
	return m.write(func() error { return m.Client.Update(ctx, obj, opts...) })
}

func (m *mortal) Apply(ctx context.Context, obj runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
	return m.write(func() error { return m.Client.Apply(ctx, obj, opts...) })
}

// storeIn is a new process that looks at the state in a namespace.
func storeIn(t *testing.T, c client.Client, namespace string) *stateStore {
	t.Helper()
	s := newStore(c)
	s.namespace, s.run = namespace, "w-1"
	NewWithT(t).Expect(s.load(context.Background())).To(Succeed())
	return s
}

// filled are the Secrets of a namespace that hold parts of the state.
func filled(t *testing.T, namespace string) []string {
	t.Helper()
	list := &corev1.SecretList{}
	NewWithT(t).Expect(env.Client.List(context.Background(), list, client.InNamespace(namespace))).To(Succeed())
	var names []string
	for _, s := range list.Items {
		if len(s.Data[tfstate.PartKey]) > 0 && len(s.Finalizers) > 0 {
			names = append(names, s.Name)
		}
	}
	return names
}

// At whatever write a runner is killed, the state is the old or the new one, and
// the next runner goes on and leaves nothing behind.
func TestKilledAtEachWriteOfAState(t *testing.T) {
	small, large := []byte(someState), stateOf(3, 1)
	for name, tc := range map[string]struct{ before, after []byte }{
		"first":             {nil, large},
		"in one Secret":     {small, []byte(laterState)},
		"from one to many":  {small, large},
		"from some to more": {large, stateOf(4, 1)},
		"from many to one":  {large, small},
	} {
		t.Run(name, func(t *testing.T) {
			for _, late := range []bool{false, true} {
				completed := false
				for n := 1; !completed; n++ {
					completed = killedAt(t, n, late, tc.before, tc.after)
				}
			}
		})
	}
}

// killedAt kills a runner at its nth write, and tells whether it made fewer.
func killedAt(t *testing.T, n int, late bool, before, after []byte) bool {
	t.Helper()
	g := NewWithT(t)
	ctx, kill := context.WithCancel(context.Background())
	defer kill()
	c, err := NewClient(env.Config)
	g.Expect(err).NotTo(HaveOccurred())
	namespace := env.Namespace(t)
	if before != nil {
		g.Expect(storeIn(t, c, namespace).save(ctx, before)).To(Succeed())
	}
	killed := storeIn(t, &mortal{c, kill, n, late}, namespace)
	saved := killed.save(ctx, after) == nil

	next := storeIn(t, c, namespace)
	found := string(next.state)
	g.Expect(found == string(before) || found == string(after)).To(BeTrue(), "write %d: %d bytes", n, len(found))
	if saved {
		g.Expect(found == string(after)).To(BeTrue(), "it was said to be saved")
	}
	last := `{"version":4,"serial":9}`
	g.Expect(next.save(context.Background(), []byte(last))).To(Succeed())
	g.Expect(string(storeIn(t, c, namespace).state)).To(Equal(last))
	g.Expect(filled(t, namespace)).To(BeEmpty(), "write %d", n)
	return ctx.Err() == nil
}

// A runner that was taken for dead and is not must not write into the parts that
// another one relies on.
func TestARunnerThatWasOvertakenDamagesNothing(t *testing.T) {
	g := NewWithT(t)
	ctx := context.Background()
	c, err := NewClient(env.Config)
	g.Expect(err).NotTo(HaveOccurred())
	namespace := env.Namespace(t)
	g.Expect(storeIn(t, c, namespace).save(ctx, stateOf(1, 1))).To(Succeed())

	winning := stateOf(2, 1)
	overtaking := false
	late := storeIn(t, interrupted(c, func() error {
		if overtaking {
			return nil
		}
		overtaking = true
		return storeIn(t, c, namespace).save(ctx, winning)
	}), namespace)
	g.Expect(late.save(ctx, stateOf(3, 1))).To(MatchError(errStateChanged))
	g.Expect(storeIn(t, c, namespace).state).To(Equal(winning))
}

// interrupted calls before each write to a part of the next state, the one that
// has it exist included.
func interrupted(c client.Client, before func() error) client.Client {
	return &unreliable{c, func(obj client.Object) error {
		if strings.Contains(obj.GetName(), "w-abc-part-b-") {
			return before()
		}
		return nil
	}}
}

// restricted is the client of somebody who may only do that to Secrets, in a
// namespace.
func restricted(t *testing.T, namespace string, verbs, names []string) client.Client {
	t.Helper()
	g := NewWithT(t)
	ctx := context.Background()
	meta := metav1.ObjectMeta{Namespace: namespace, Name: "runner"}
	g.Expect(env.Client.Create(ctx, &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: verbs, ResourceNames: names},
	}})).To(Succeed())
	g.Expect(env.Client.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "runner"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: namespace}},
	})).To(Succeed())
	config := rest.CopyConfig(env.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: namespace}
	c, err := NewClient(config)
	g.Expect(err).NotTo(HaveOccurred())
	g.Eventually(func() error {
		return client.IgnoreNotFound(c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: names[0]}, &corev1.Secret{}))
	}).Should(Succeed(), "the API server has seen the Role")
	return c
}

// The right to some names is enough, whether the Secrets are made beforehand or
// not; nothing else can be made or read with it.
func TestARoleThatIsLimitedByName(t *testing.T) {
	names := tfstate.SecretNames("w-abc")
	for name, tc := range map[string]struct {
		verbs []string
		made  []string
	}{
		"made beforehand":             {[]string{"get", "update", "patch"}, names},
		"only the head, and by apply": {[]string{"get", "update", "patch", "create"}, names[:1]},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			ctx := context.Background()
			namespace := env.Namespace(t)
			for _, name := range tc.made {
				g.Expect(env.Client.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}})).To(Succeed())
			}
			c := restricted(t, namespace, tc.verbs, names)
			for i, size := range []int{0, 1, 2, 1, 0} {
				state := stateOf(i, size)
				g.Expect(storeIn(t, c, namespace).save(ctx, state)).To(Succeed())
				g.Expect(storeIn(t, c, namespace).state).To(Equal(state))
			}
			g.Expect(filled(t, namespace)).To(BeEmpty())

			other := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "neighbour"}}
			g.Expect(apierrors.IsForbidden(c.Create(ctx, other))).To(BeTrue())
			g.Expect(apierrors.IsForbidden(c.Get(ctx, client.ObjectKeyFromObject(other), other))).To(BeTrue())
			g.Expect(apierrors.IsForbidden(c.List(ctx, &corev1.SecretList{}, client.InNamespace(namespace)))).To(BeTrue())
			_, err := (&stateStore{client: c, namespace: namespace}).ensure(ctx, "neighbour", nil)
			g.Expect(err).To(HaveOccurred())
		})
	}
}

// Somebody removes the head, its finalizer included, while a run has the state.
func TestAHeadThatVanishesIsMadeAgain(t *testing.T) {
	names := tfstate.SecretNames("w-abc")
	for name, size := range map[string]int{"whole": 0, "divided": 1} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			namespace := env.Namespace(t)
			head := tfstate.NewSecret(namespace, "w-abc", nil)
			g.Expect(env.Client.Create(ctx, head)).To(Succeed())
			store := storeIn(t, restricted(t, namespace, []string{"get", "update", "patch", "create"}, names), namespace)
			g.Expect(store.save(ctx, stateOf(1, size))).To(Succeed())

			head = store.secret.DeepCopy()
			head.Finalizers = nil
			g.Expect(env.Client.Update(ctx, head)).To(Succeed())
			g.Expect(env.Client.Delete(ctx, head)).To(Succeed())
			state := stateOf(2, size)
			g.Expect(store.save(ctx, state)).To(Succeed())
			again := storeIn(t, store.client, namespace)
			g.Expect(again.state).To(Equal(state))
			g.Expect(again.secret.Finalizers).To(Equal([]string{tfstate.Finalizer}))
			g.Expect(again.secret.Labels).To(Equal(store.secret.Labels))
		})
	}
}

// What was let go of, parts included, is protected again, and otherwise as it was.
func TestAStateThatIsTakenUpAgainIsProtected(t *testing.T) {
	g := NewWithT(t)
	ctx := t.Context()
	c, err := NewClient(env.Config)
	g.Expect(err).NotTo(HaveOccurred())
	namespace := env.Namespace(t)
	state := stateOf(1, 1)
	g.Expect(storeIn(t, c, namespace).save(ctx, state)).To(Succeed())
	parts := filled(t, namespace)
	list := &corev1.SecretList{}
	g.Expect(env.Client.List(ctx, list, client.InNamespace(namespace))).To(Succeed())
	for i := range list.Items {
		list.Items[i].Finalizers = nil
		g.Expect(env.Client.Update(ctx, &list.Items[i])).To(Succeed())
	}
	store := storeIn(t, c, namespace)
	store.labels = map[string]string{"a": "b"}
	g.Expect(store.adopt(ctx)).To(Succeed())
	g.Expect(store.secret.Finalizers).To(Equal([]string{tfstate.Finalizer}))
	g.Expect(store.secret.Labels).To(HaveKeyWithValue("a", "b"))
	g.Expect(store.state).To(Equal(state))
	g.Expect(filled(t, namespace)).To(Equal(parts))
	g.Expect(env.Client.List(ctx, list, client.InNamespace(namespace))).To(Succeed())
	for i := range list.Items {
		g.Expect(list.Items[i].Name).NotTo(ContainSubstring("version"), "it is the same state")
	}
}

// With the real OpenTofu: 5 MB, a change of it, then little again.
func TestAStateOfFiveMegabytes(t *testing.T) {
	w := newWorkspace(t)
	module := func(rows int) string {
		return fmt.Sprintf(`resource "terraform_data" "a" { input = [for i in range(%d) : join("", [for j in range(20) : sha512("${i}-${j}")])] }`, rows)
	}
	w.Expect(w.apply(inline(module(1000))).Phase).To(Equal(infrav1.RunSucceeded))
	w.Expect(len(w.state())).To(BeNumerically(">", 5_000_000))
	w.Expect(len(filled(t, w.Namespace))).To(BeNumerically(">", 1))
	ctx := context.Background()
	w.setInputs(inline(module(1020)))
	w.Expect(counted(w.run(ctx, "w-2", infrav1.OperationApply))).To(Equal(counts(0, 1, 0, 0)))
	w.setInputs(inline(module(1)))
	w.Expect(w.run(ctx, "w-3", infrav1.OperationApply).Phase).To(Equal(infrav1.RunSucceeded))
	w.Expect(filled(t, w.Namespace)).To(BeEmpty())
}
