package e2e

import (
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// user is whom the API server takes the bearer of the namespace's credential for.
func (s *sandbox) user() string {
	return "system:serviceaccount:" + s.ns + ":" + credentialName
}

// issueCredential makes a ServiceAccount that may do everything in the
// management cluster, and the Secret with its kubeconfig.
func (s *sandbox) issueCredential() {
	s.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: credentialName}}
	s.create(account)
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: s.ns},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: s.ns, Name: credentialName}},
	}
	s.Expect(env.Client.Create(s.ctx, binding)).To(Succeed())
	s.create(ownSecret(credentialName, credentialKey, s.kubeconfig(nil)))
}

// kubeconfig is a kubeconfig with a new token of the ServiceAccount, spoiled if
// that is given.
func (s *sandbox) kubeconfig(spoil func(*clientcmdapi.Cluster, *clientcmdapi.AuthInfo)) string {
	s.Helper()
	cluster := &clientcmdapi.Cluster{Server: env.Config.Host, CertificateAuthorityData: env.Config.CAData}
	user := &clientcmdapi.AuthInfo{Token: s.token()}
	if spoil != nil {
		spoil(cluster, user)
	}
	file, err := clientcmd.Write(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"c": cluster},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"u": user},
		Contexts:       map[string]*clientcmdapi.Context{"x": {Cluster: "c", AuthInfo: "u"}},
		CurrentContext: "x",
	})
	s.Expect(err).NotTo(HaveOccurred())
	return string(file)
}

func (s *sandbox) token() string {
	s.Helper()
	request := &authenticationv1.TokenRequest{}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: credentialName}}
	s.Expect(env.Client.SubResource("token").Create(s.ctx, account, request)).To(Succeed())
	return request.Status.Token
}

// setCredential replaces what the cheap module gets.
func (s *sandbox) setCredential(kubeconfig string) {
	s.Helper()
	secret := s.secret(credentialName)
	s.change(secret, func() { secret.Data[credentialKey] = []byte(kubeconfig) })
}

// published opens the cluster with what was published in the Secret.
func (s *sandbox) published(name string) *kubernetes.Clientset {
	s.Helper()
	config, err := clientcmd.RESTConfigFromKubeConfig(s.secret(name).Data["value"])
	s.Expect(err).NotTo(HaveOccurred())
	clientset, err := kubernetes.NewForConfig(config)
	s.Expect(err).NotTo(HaveOccurred())
	return clientset
}

// whoAmI is whom a cluster takes us for, with what was published in the Secret.
func (s *sandbox) whoAmI(secret string) string {
	s.Helper()
	review, err := s.published(secret).AuthenticationV1().SelfSubjectReviews().
		Create(s.ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	s.Expect(err).NotTo(HaveOccurred())
	return review.Status.UserInfo.Username
}

// expectNoSecret asserts that there is no Secret of the name.
func (s *sandbox) expectNoSecret(name string) {
	s.Helper()
	err := env.Client.Get(s.ctx, client.ObjectKey{Namespace: s.ns, Name: name}, &corev1.Secret{})
	s.Expect(apierrors.IsNotFound(err)).To(BeTrue(), "Secret %s: %v", name, err)
}
