package workload

import (
	"context"
	"fmt"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/cluster-api/util/labels/format"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// accountNamespace is where ServiceAccounts are made: it is in every cluster.
	accountNamespace = "kube-system"
	// controlPlaneLabel marks what is made in a workload cluster; its value is
	// the namespace and name of the CAPTControlPlane, or a hash of them if that is
	// too long.
	controlPlaneLabel = "capt.cluster.x-k8s.io/control-plane"
	// administrator is the ClusterRole that may make its own tokens anyway.
	administrator = "cluster-admin"
)

// Account is the ServiceAccount that a control plane has in its workload cluster.
type Account struct {
	// ControlPlane is the CAPTControlPlane, in the management cluster.
	ControlPlane types.NamespacedName
	// ClusterRole that it is bound to.
	ClusterRole string
	// Lifetime that its tokens are asked to have.
	Lifetime time.Duration
}

// Name is that of everything that is made for the account.
func (a Account) Name() string {
	return fmt.Sprintf("capt-%s-%s", a.ControlPlane.Namespace, a.ControlPlane.Name)
}

// User is whom an API server takes the bearer of a token for.
func (a Account) User() string {
	return fmt.Sprintf("system:serviceaccount:%s:%s", accountNamespace, a.Name())
}

func (a Account) labels() map[string]string {
	return map[string]string{controlPlaneLabel: format.MustFormatValue(a.ControlPlane.Namespace + "." + a.ControlPlane.Name)}
}

func (a Account) meta(namespace string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: a.Name(), Labels: a.labels()}
}

func (a Account) serviceAccount() *corev1.ServiceAccount {
	return &corev1.ServiceAccount{ObjectMeta: a.meta(accountNamespace)}
}

// objects are everything that is made, in its order. Whom the ClusterRole does
// not let make tokens of itself gets a Role that does.
func (a Account) objects() []client.Object {
	subjects := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: accountNamespace, Name: a.Name()}}
	role := func(kind, name string) rbacv1.RoleRef {
		return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: name}
	}
	objects := []client.Object{
		a.serviceAccount(),
		&rbacv1.ClusterRoleBinding{ObjectMeta: a.meta(""), RoleRef: role("ClusterRole", a.ClusterRole), Subjects: subjects},
	}
	if a.ClusterRole == administrator {
		return objects
	}
	return append(objects,
		&rbacv1.Role{ObjectMeta: a.meta(accountNamespace), Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{""}, Resources: []string{"serviceaccounts/token"}, ResourceNames: []string{a.Name()}, Verbs: []string{"create"},
		}}},
		&rbacv1.RoleBinding{ObjectMeta: a.meta(accountNamespace), RoleRef: role("Role", a.Name()), Subjects: subjects},
	)
}

// ensure makes the account be there and as it should be.
func (a Account) ensure(ctx context.Context, c client.Client) error {
	for _, wanted := range a.objects() {
		err := c.Create(ctx, wanted.DeepCopyObject().(client.Object))
		if apierrors.IsAlreadyExists(err) {
			err = a.repair(ctx, c, wanted)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// repair replaces an object of ours that is not as wanted: what a binding refers
// to cannot be changed.
func (a Account) repair(ctx context.Context, c client.Client, wanted client.Object) error {
	existing := wanted.DeepCopyObject().(client.Object)
	if err := c.Get(ctx, client.ObjectKeyFromObject(wanted), existing); err != nil {
		return err
	}
	if !a.owns(existing) {
		return NewError(ReasonAccountNotOurs)
	}
	if sameContent(existing, wanted) {
		return nil
	}
	if err := c.Delete(ctx, existing); client.IgnoreNotFound(err) != nil {
		return err
	}
	return c.Create(ctx, wanted)
}

func (a Account) owns(obj client.Object) bool {
	return obj.GetLabels()[controlPlaneLabel] == a.labels()[controlPlaneLabel]
}

// sameContent compares what these kinds consist of, whatever a server adds.
func sameContent(existing, wanted client.Object) bool {
	switch existing := existing.(type) {
	case *rbacv1.ClusterRoleBinding:
		wanted := wanted.(*rbacv1.ClusterRoleBinding)
		return existing.RoleRef == wanted.RoleRef && equality.Semantic.DeepEqual(existing.Subjects, wanted.Subjects)
	case *rbacv1.RoleBinding:
		wanted := wanted.(*rbacv1.RoleBinding)
		return existing.RoleRef == wanted.RoleRef && equality.Semantic.DeepEqual(existing.Subjects, wanted.Subjects)
	case *rbacv1.Role:
		return equality.Semantic.DeepEqual(existing.Rules, wanted.(*rbacv1.Role).Rules)
	}
	return true
}

// token asks for a token (TokenRequest). The server decides how long it lives.
func (a Account) token(ctx context.Context, c client.Client) (string, error) {
	seconds := int64(a.Lifetime.Seconds())
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	if err := c.SubResource("token").Create(ctx, a.serviceAccount(), request); err != nil {
		return "", err
	}
	return request.Status.Token, nil
}

// goodToken is a token that the server takes, with which the account may do what
// it is for. Not every server takes what it makes: a gateway may know tokens of its
// own only.
func (a Account) goodToken(ctx context.Context, c *connection) (string, error) {
	token, err := a.token(ctx, c)
	if err != nil {
		return "", err
	}
	own, err := c.as(token)
	if err != nil {
		return "", err
	}
	defer own.close()
	if _, err = own.whoAmI(ctx); apierrors.IsUnauthorized(err) {
		return "", NewError(ReasonTokenRefused)
	} else if err != nil {
		return "", err
	}
	return token, a.mayRenew(ctx, own)
}

// mayRenew asks, as the account, whether it may make tokens of itself. Every account
// may, an administrator's by its ClusterRoleBinding: if not, somebody has taken
// its rights away.
func (a Account) mayRenew(ctx context.Context, c *connection) error {
	may, err := c.may(ctx, authorizationv1.ResourceAttributes{
		Verb: "create", Resource: "serviceaccounts", Subresource: "token", Namespace: accountNamespace, Name: a.Name(),
	})
	if err == nil && !may {
		return NewError(ReasonAccountIncomplete)
	}
	return err
}
