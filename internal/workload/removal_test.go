package workload

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// newStrict is the real API server without its caches: a token ends with its
// ServiceAccount, and its rights with their ClusterRoleBinding. The real one goes
// on taking a token that it knew for 10 seconds, which cannot be turned off.
func newStrict(t *testing.T, account Account) *server {
	t.Helper()
	g := NewWithT(t)
	upstream, err := url.Parse(env.Config.Host)
	g.Expect(err).NotTo(HaveOccurred())
	transport, err := rest.TransportFor(rest.AnonymousClientConfig(env.Config))
	g.Expect(err).NotTo(HaveOccurred())
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(upstream) }}
	return newServer(t, func(w http.ResponseWriter, r *http.Request) {
		isGone := func(obj client.Object) bool {
			return apierrors.IsNotFound(env.Client.Get(r.Context(), client.ObjectKeyFromObject(obj), obj))
		}
		switch objects := account.objects(); {
		case isGone(objects[0]):
			w.WriteHeader(http.StatusUnauthorized)
		case isGone(objects[1]):
			w.WriteHeader(http.StatusForbidden)
		default:
			proxy.ServeHTTP(w, r)
		}
	})
}

// remove asks for an account to be removed.
func (d *desk) remove(account Account, credentials Credentials) error {
	return d.answer(func() Answer { return d.clusters.Remove(account, credentials, time.Time{}) }).Err
}

func TestAnAccountRemovesItself(t *testing.T) {
	d := newDesk(t)
	account := d.account("cluster-admin")
	token := d.issue(account, Credentials{Module: env.Kubeconfig}).Token
	binding := &rbacv1.ClusterRoleBinding{ObjectMeta: account.meta("")}
	d.Expect(env.Client.Get(d.ctx(), client.ObjectKeyFromObject(binding), binding)).To(Succeed())

	s := newStrict(t, account)
	d.Expect(d.remove(account, Credentials{Own: kubeconfig(t, s.URL, s.ca(), token)})).To(Succeed())
	d.expectObjects(account, 1)
	left := account.serviceAccount()
	d.Expect(env.Client.Get(d.ctx(), client.ObjectKeyFromObject(left), left)).To(Succeed())
	d.Expect(left.OwnerReferences).To(ConsistOf(metav1.OwnerReference{
		APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRoleBinding", Name: binding.Name, UID: binding.UID,
	}), "so that the garbage collector deletes it, which does not run here")
}

// Nothing is left to a garbage collector by a credential that can do without.
func TestTheModulesCredentialRemovesAllItself(t *testing.T) {
	for name, missing := range map[string][]int{"whole": nil, "without its binding": {1}, "without the ServiceAccount": {0}, "half made": {1, 2, 3}} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			account := d.account("view")
			d.Expect(d.issue(account, Credentials{Module: env.Kubeconfig}).Err).NotTo(HaveOccurred())
			for _, i := range missing {
				d.Expect(env.Client.Delete(d.ctx(), account.objects()[i])).To(Succeed())
			}
			d.Expect(d.remove(account, Credentials{Module: env.Kubeconfig})).To(Succeed())
			d.expectObjects(account, 0)
		})
	}
}

// A credential may be allowed to delete what it made, and to change nothing.
func TestAModulesCredentialWithFewRights(t *testing.T) {
	d := newDesk(t)
	account := d.account("view")
	d.Expect(d.issue(account, Credentials{Module: env.Kubeconfig}).Err).NotTo(HaveOccurred())
	token := d.tokenWith(rbacv1.PolicyRule{
		APIGroups: []string{"", rbacv1.GroupName}, Verbs: []string{"get", "delete"},
		Resources: []string{"serviceaccounts", "clusterrolebindings", "roles", "rolebindings"},
	})
	d.Expect(d.remove(account, Credentials{Module: opened(t, token)})).To(Succeed())
	d.expectObjects(account, 0)
}

func TestAnAccountThatMayNotRemoveItself(t *testing.T) {
	d := newDesk(t)
	account := d.account("view")
	token := d.issue(account, Credentials{Module: env.Kubeconfig}).Token
	d.Expect(d.remove(account, Credentials{Own: opened(t, token)})).To(reason(ReasonCredentialForbidden))
	d.expectObjects(account, 4)
}

// tokenWith makes a token of somebody who may do this in the whole cluster.
func (d *desk) tokenWith(rule rbacv1.PolicyRule) string {
	name := d.owner.Namespace
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "few"}}
	request := &authenticationv1.TokenRequest{}
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: []rbacv1.PolicyRule{rule}}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: name, Name: account.Name}},
	}
	for _, obj := range []client.Object{account, role, binding} {
		d.Expect(env.Client.Create(d.ctx(), obj)).To(Succeed())
	}
	d.Expect(env.Client.SubResource("token").Create(d.ctx(), account, request)).To(Succeed())
	d.Eventually(func(g Gomega) {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User:               "system:serviceaccount:" + name + ":" + account.Name,
			ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: rule.Verbs[0], Group: rule.APIGroups[0], Resource: rule.Resources[0]},
		}}
		g.Expect(env.Client.Create(d.ctx(), review)).To(Succeed())
		g.Expect(review.Status.Allowed).To(BeTrue(), "the server learns of a binding a little later")
	}).WithTimeout(time.Minute).Should(Succeed())
	return request.Status.Token
}
