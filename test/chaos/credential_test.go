package chaos

import (
	"context"
	"time"

	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/utils/ptr"
)

// accountName is the ServiceAccount whose token the module hands out.
const accountName = "module"

// newInputs makes the account, and the Secret with both kubeconfigs: one with
// its token, by way of the faulty API server, and an administrator's, with a
// client certificate, which no proxy can pass on.
func (w *world) newInputs() *corev1.Secret {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: accountName}}
	w.create(account)
	w.create(&rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "chaos-" + accountName},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: accountName}},
	})
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To[int64](24 * 60 * 60)}}
	w.Expect(w.client.SubResource("token").Create(w.ctx, account, request)).To(Succeed())
	token := newKubeconfig(
		&clientcmdapi.Cluster{Server: w.side.Address(), CertificateAuthorityData: w.side.CA()},
		&clientcmdapi.AuthInfo{Token: request.Status.Token})
	certificate := newKubeconfig(
		&clientcmdapi.Cluster{Server: w.env.Config.Host, CertificateAuthorityData: w.env.Config.CAData},
		&clientcmdapi.AuthInfo{ClientCertificateData: w.env.Config.CertData, ClientKeyData: w.env.Config.KeyData})
	inputs := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: inputsName, Labels: map[string]string{ofTheTest: ""}},
		Data:       map[string][]byte{},
	}
	for name, config := range map[string]clientcmdapi.Config{"token": token, "certificate": certificate} {
		file, err := clientcmd.Write(config)
		w.Expect(err).NotTo(HaveOccurred())
		inputs.Data[name] = file
	}
	return inputs
}

func newKubeconfig(cluster *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo) clientcmdapi.Config {
	return clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"c": cluster},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"u": user},
		Contexts:       map[string]*clientcmdapi.Context{"x": {Cluster: "c", AuthInfo: "u"}},
		CurrentContext: "x",
	}
}

// whoAmI opens the cluster with a kubeconfig as it is, and tells whom it takes
// us for.
func whoAmI(ctx context.Context, kubeconfig []byte) (string, error) {
	config, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	if err != nil {
		return "", err
	}
	return askWho(ctx, config)
}

// whoAmIDirectly does the same past the faults.
func (w *world) whoAmIDirectly(ctx context.Context, kubeconfig []byte) (string, error) {
	config, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	if err != nil {
		return "", err
	}
	if config.Host == w.side.Address() {
		config.Host, config.CAData = w.env.Config.Host, w.env.Config.CAData
	}
	return askWho(ctx, config)
}

func askWho(ctx context.Context, config *rest.Config) (string, error) {
	// Where a kubeconfig leads that was damaged, nobody may ever answer.
	config = rest.CopyConfig(config)
	config.Timeout = 10 * time.Second
	clientset, err := kubernetes.NewForConfig(config)
	if err != nil {
		return "", err
	}
	review, err := clientset.AuthenticationV1().SelfSubjectReviews().
		Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	return review.Status.UserInfo.Username, nil
}
