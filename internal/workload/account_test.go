package workload

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// expectObjects checks which objects of an account there are.
func (d *desk) expectObjects(account Account, want int) {
	found := 0
	for _, obj := range (Account{ControlPlane: account.ControlPlane}).objects() {
		err := env.Client.Get(d.ctx(), client.ObjectKeyFromObject(obj), obj)
		if !apierrors.IsNotFound(err) {
			d.Expect(err).NotTo(HaveOccurred())
			found++
		}
	}
	d.ExpectWithOffset(1, found).To(Equal(want))
}

func TestAnAdministratorsAccount(t *testing.T) {
	d := newDesk(t)
	account := d.account("cluster-admin")
	issued := d.issue(account, Credentials{Module: env.Kubeconfig})
	d.Expect(issued.Err).NotTo(HaveOccurred())
	d.expectObjects(account, 2)
	d.Expect(d.clusters.Issue(account, Credentials{Module: env.Kubeconfig}, noon)).To(Equal(issued), "no other one without need")

	own := opened(t, issued.Token)
	d.Expect(d.verify(own).User).To(Equal(account.User()))
	config, err := clientcmd.RESTConfigFromKubeConfig(own)
	d.Expect(err).NotTo(HaveOccurred())
	c, err := client.New(config, client.Options{Scheme: scheme})
	d.Expect(err).NotTo(HaveOccurred())
	d.Expect(c.List(d.ctx(), &corev1.ServiceAccountList{})).To(Succeed(), "it may do everything")

	renewed := d.issue(account, Credentials{Own: own})
	d.Expect(renewed.Err).NotTo(HaveOccurred())
	d.Expect(renewed.Token).NotTo(Equal(issued.Token))
}

func TestAnAccountOfAnotherRole(t *testing.T) {
	d := newDesk(t)
	account := d.account("view")
	issued := d.issue(account, Credentials{Module: env.Kubeconfig})
	d.Expect(issued.Err).NotTo(HaveOccurred())
	d.expectObjects(account, 4)
	own := opened(t, issued.Token)
	d.Expect(d.issue(account, Credentials{Own: own}).Err).NotTo(HaveOccurred(), "it may make tokens of itself")
	other := d.account("view")
	other.ControlPlane.Name = "q"
	d.owner = other.ControlPlane
	d.Expect(d.issue(other, Credentials{Own: own}).Err).To(reason(ReasonCredentialForbidden), "there is no such account, but that is none of its business")
	d.Expect(d.issue(other, Credentials{Module: own}).Err).To(reason(ReasonCredentialForbidden), "and it may make none")
	d.Expect(d.issue(other, Credentials{Module: env.Kubeconfig}).Err).NotTo(HaveOccurred())
	d.Expect(d.issue(other, Credentials{Own: own}).Err).To(reason(ReasonCredentialForbidden), "nor tokens of others")

	for _, a := range []Account{account, other} {
		d.owner = a.ControlPlane
		d.Expect(d.remove(a, Credentials{Module: env.Kubeconfig})).To(Succeed())
		d.expectObjects(a, 0)
	}
}

func TestAnAccountThatWasDamaged(t *testing.T) {
	d := newDesk(t)
	account := d.account("view")
	objects := account.objects()
	d.Expect(d.issue(account, Credentials{Module: env.Kubeconfig}).Err).NotTo(HaveOccurred())
	binding := objects[1].(*rbacv1.ClusterRoleBinding)
	d.Expect(env.Client.Get(d.ctx(), client.ObjectKeyFromObject(binding), binding)).To(Succeed())
	binding.Subjects = nil
	d.Expect(env.Client.Update(d.ctx(), binding)).To(Succeed())
	role := objects[2].(*rbacv1.Role)
	d.Expect(env.Client.Get(d.ctx(), client.ObjectKeyFromObject(role), role)).To(Succeed())
	role.Rules[0].ResourceNames = nil
	d.Expect(env.Client.Update(d.ctx(), role)).To(Succeed())
	d.Expect(env.Client.Delete(d.ctx(), account.serviceAccount())).To(Succeed())

	issued := d.issue(account, Credentials{Own: opened(t, "lapsed"), Module: env.Kubeconfig})
	d.Expect(issued.Err).NotTo(HaveOccurred(), "what its own token cannot, the module's credential can")
	d.Expect(d.verify(opened(t, issued.Token)).User).To(Equal(account.User()))
	d.Expect(env.Client.Get(d.ctx(), client.ObjectKeyFromObject(binding), binding)).To(Succeed())
	d.Expect(binding.Subjects).To(HaveLen(1))
	d.Expect(env.Client.Get(d.ctx(), client.ObjectKeyFromObject(role), role)).To(Succeed())
	d.Expect(role.Rules[0].ResourceNames).To(Equal([]string{account.Name()}))
}

func TestAnAccountThatLostItsRights(t *testing.T) {
	for _, role := range []string{"cluster-admin", "view"} {
		t.Run(role, func(t *testing.T) {
			d := newDesk(t)
			account := d.account(role)
			own := opened(t, d.issue(account, Credentials{Module: env.Kubeconfig}).Token)
			d.Expect(d.verify(own).Err).NotTo(HaveOccurred())
			objects := account.objects()
			binding := objects[len(objects)-1]
			d.Expect(env.Client.Delete(d.ctx(), binding.DeepCopyObject().(client.Object))).To(Succeed())
			d.clusters.Forget(d.owner)
			d.Expect(d.verify(own).Err).To(reason(ReasonAccountIncomplete))

			d.Expect(d.issue(account, Credentials{Own: own}).Err).To(reason(ReasonCredentialForbidden))
			d.Expect(d.issue(account, Credentials{Own: own, Module: env.Kubeconfig}).Err).NotTo(HaveOccurred())
			d.Expect(env.Client.Get(d.ctx(), client.ObjectKeyFromObject(binding), binding)).To(Succeed())
			d.clusters.Forget(d.owner)
			d.Expect(d.verify(own).Err).NotTo(HaveOccurred())
		})
	}
}

func TestARenewalRepairsTheAccount(t *testing.T) {
	d := newDesk(t)
	account := d.account("view")
	own := opened(t, d.issue(account, Credentials{Module: env.Kubeconfig}).Token)
	binding := account.objects()[1]
	d.Expect(env.Client.Delete(d.ctx(), binding.DeepCopyObject().(client.Object))).To(Succeed())
	d.Expect(d.issue(account, Credentials{Own: own, Module: env.Kubeconfig}).Err).NotTo(HaveOccurred())
	d.Expect(env.Client.Get(d.ctx(), client.ObjectKeyFromObject(binding), binding)).To(Succeed(), "which its own token could not even see")
}

func TestAnObjectThatIsNotOurs(t *testing.T) {
	d := newDesk(t)
	account := d.account("cluster-admin")
	theirs := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: account.Name()}}
	d.Expect(env.Client.Create(d.ctx(), theirs)).To(Succeed())
	d.Expect(d.issue(account, Credentials{Module: env.Kubeconfig}).Err).To(reason(ReasonAccountNotOurs), "others may hold its tokens")
	d.expectObjects(account, 1)
	request := &authenticationv1.TokenRequest{}
	d.Expect(env.Client.Create(d.ctx(), &rbacv1.ClusterRoleBinding{ObjectMeta: account.meta(""), RoleRef: account.objects()[1].(*rbacv1.ClusterRoleBinding).RoleRef, Subjects: account.objects()[1].(*rbacv1.ClusterRoleBinding).Subjects})).To(Succeed())
	d.Expect(env.Client.SubResource("token").Create(d.ctx(), theirs, request)).To(Succeed())
	d.Expect(d.issue(account, Credentials{Own: opened(t, request.Status.Token), Module: env.Kubeconfig}).Err).NotTo(HaveOccurred(), "a token that is out is renewed")
	d.Expect(env.Client.Delete(d.ctx(), account.objects()[1])).To(Succeed())
	d.Expect(d.remove(account, Credentials{Module: env.Kubeconfig})).To(Succeed())
	d.expectObjects(account, 1)
}

func TestTheServerDecidesHowLongATokenLives(t *testing.T) {
	d := newDesk(t)
	account := d.account("cluster-admin")
	account.Lifetime = 24 * time.Hour
	issued := d.issue(account, Credentials{Module: env.Kubeconfig})
	d.Expect(issued.Err).NotTo(HaveOccurred())
	d.Expect(life(t, issued.Token)).To(Equal(maxLifetime))
	account.Lifetime = 20 * time.Minute
	d.Expect(life(t, d.issue(account, Credentials{Module: env.Kubeconfig}).Token)).To(Equal(account.Lifetime))
}

// life is how long a token is good for, from its begin.
func life(t *testing.T, token string) time.Duration {
	t.Helper()
	g := NewWithT(t)
	parts := strings.Split(token, ".")
	g.Expect(parts).To(HaveLen(3), "a JWT")
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	g.Expect(err).NotTo(HaveOccurred())
	var claims struct{ Nbf, Exp int64 }
	g.Expect(json.Unmarshal(text, &claims)).To(Succeed())
	return time.Duration(claims.Exp-claims.Nbf) * time.Second
}

func TestAnUnreachableServerGivesNoToken(t *testing.T) {
	d, s := newDesk(t), newServer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	both := Credentials{Own: s.kubeconfig(t, s.ca()), Module: s.kubeconfig(t, s.ca())}
	issued := d.issue(d.account("cluster-admin"), both)
	d.Expect(issued.Err).To(HaveOccurred())
	d.Expect(issued.Token).To(BeEmpty())
	d.Expect(issued.Failures).To(Equal(1))
}

func TestNamesAndLabelsFit(t *testing.T) {
	g := NewWithT(t)
	account := Account{ClusterRole: "view"}
	account.ControlPlane.Namespace, account.ControlPlane.Name = strings.Repeat("n", 63), strings.Repeat("p", 180)
	g.Expect(len(account.Name())).To(BeNumerically("<=", 253))
	for _, value := range account.labels() {
		g.Expect(len(value)).To(BeNumerically("<=", 63))
	}
}
