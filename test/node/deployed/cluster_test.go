package deployed

import (
	"testing"

	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/conditions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/workspace"
)

// administrator is a ServiceAccount of the management cluster, which stands in for
// the clusters that are made.
const administrator = "administrator"

// metav1Of is the metadata of something of the test's own.
func metav1Of(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Labels: map[string]string{ofTheTest: "true"}}
}

// issueKubeconfig makes the Secret that the module of a control plane gets its
// output from.
func (s *sandbox) issueKubeconfig() (token string) {
	s.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1Of(administrator)}
	s.create(account)
	s.Expect(shared.Client.Create(s.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: s.ns},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: s.ns, Name: administrator}},
	})).To(Succeed())
	request := &authenticationv1.TokenRequest{}
	s.Expect(shared.Client.SubResource("token").Create(s.Context(), account, request)).To(Succeed())
	file, err := clientcmd.Write(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"c": {Server: shared.Config.Host, CertificateAuthorityData: shared.Config.CAData}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"u": {Token: request.Status.Token}},
		Contexts:       map[string]*clientcmdapi.Context{"x": {Cluster: "c", AuthInfo: "u"}},
		CurrentContext: "x",
	})
	s.Expect(err).NotTo(HaveOccurred())
	s.create(&corev1.Secret{ObjectMeta: metav1Of(administrator), Data: map[string][]byte{"kubeconfig": file}})
	return request.Status.Token
}

const networkModule = `
resource "terraform_data" "network" {
  input = "network-1"
}

output "network_id" {
  value = terraform_data.network.output
}
`

const kubeconfigOutput = `
variable "kubeconfig" {
  type      = string
  sensitive = true
}

output "kubeconfig" {
  value     = var.kubeconfig
  sensitive = true
}
`

// createCluster makes a Cluster with an infrastructure and a control plane, after
// issueKubeconfig.
func (s *sandbox) createCluster() (*clusterv1.Cluster, *controlplanev1.CAPTControlPlane) {
	s.Helper()
	network := template("network", networkModule)
	network.Spec.Template.Spec.ForProvider.Runner = nil // the image is the manager's
	plane := template("plane", s.thing("plane"), kubeconfigOutput)
	plane.Spec.Template.Spec.ForProvider.Env = []infrav1.EnvVar{{
		Name: "TF_VAR_kubeconfig", SecretKeyRef: &infrav1.KeyReference{Name: administrator, Key: "kubeconfig"},
	}}
	infrastructure := &infrav1.CAPTCluster{
		ObjectMeta: metav1.ObjectMeta{Name: "shop"},
		Spec:       infrav1.CAPTClusterSpec{WorkspaceTemplateRef: &infrav1.WorkspaceTemplateReference{Name: network.Name}},
	}
	controlPlane := &controlplanev1.CAPTControlPlane{
		ObjectMeta: metav1.ObjectMeta{Name: "shop"},
		Spec: controlplanev1.CAPTControlPlaneSpec{Version: "v1.36.3", ModuleSpec: controlplanev1.ModuleSpec{
			WorkspaceTemplateRef: &infrav1.WorkspaceTemplateReference{Name: plane.Name},
			Kubeconfig:           &controlplanev1.KubeconfigSpec{Credential: controlplanev1.CredentialOutputs},
		}},
	}
	cluster := &clusterv1.Cluster{
		ObjectMeta: metav1.ObjectMeta{Name: "shop"},
		Spec: clusterv1.ClusterSpec{
			InfrastructureRef: clusterv1.ContractVersionedObjectReference{APIGroup: infrav1.GroupVersion.Group, Kind: "CAPTCluster", Name: "shop"},
			ControlPlaneRef:   clusterv1.ContractVersionedObjectReference{APIGroup: controlplanev1.GroupVersion.Group, Kind: "CAPTControlPlane", Name: "shop"},
		},
	}
	s.create(network, plane, infrastructure, controlPlane, cluster)
	return cluster, controlPlane
}

// While it is made, the manager is deleted, and then the node rebooted.
func TestAClusterIsMadeByJobsAndLeavesNothing(t *testing.T) {
	s := newSandbox(t)
	token := s.issueKubeconfig()
	release := s.site.hold("plane")
	defer release()
	cluster, plane := s.createCluster()
	apply := workspace.OfControlPlane(plane.Name)
	s.eventually(func(g Gomega) { g.Expect(s.site.begun("plane")).To(BeTrue()) })
	pod := s.runningPod(apply)
	s.deleteManager()
	s.Expect(s.runningPod(apply).UID).To(Equal(pod.UID), "the run goes on")
	s.Expect(s.runs(apply)).To(Equal([]string{"Apply Running"}))
	s.Expect(shared.Reboot(t.Context())).To(Succeed())
	release()

	s.eventually(func(g Gomega) {
		s.get(g, cluster.Name, cluster)
		g.Expect(conditions.IsTrue(cluster, clusterv1.ClusterAvailableCondition)).To(BeTrue())
		s.get(g, plane.Name, plane)
		g.Expect(conditions.IsTrue(plane, controlplanev1.AvailableCondition)).To(BeTrue())
	})
	s.Expect(s.whoAmI("shop-kubeconfig")).To(Equal("system:serviceaccount:" + s.ns + ":" + administrator))
	s.Expect(s.site.history()).To(ConsistOf("plane: made 1, destroyed 0"))
	s.Expect(s.runs(apply)).To(Equal([]string{"Apply Lost Lost", "Apply Succeeded"}))

	s.endsInNothing(cluster)
	for _, namespace := range []string{s.ns, managerNamespace} {
		logs, err := shared.Logs(namespace)
		s.Expect(err).NotTo(HaveOccurred())
		s.Expect(logs).NotTo(BeEmpty())
		s.Expect(logs).NotTo(ContainElement(ContainSubstring(token)))
	}
	s.Expect(s.site.history()).To(ConsistOf("plane: made 1, destroyed 1"))
	s.Expect(shared.Client.Delete(t.Context(), &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: s.ns}})).To(Succeed())
}

// whoAmI is whom a cluster takes us for, with the kubeconfig in the Secret.
func (s *sandbox) whoAmI(secret string) string {
	s.Helper()
	published := &corev1.Secret{}
	s.Expect(shared.Client.Get(s.Context(), client.ObjectKey{Namespace: s.ns, Name: secret}, published)).To(Succeed())
	config, err := clientcmd.RESTConfigFromKubeConfig(published.Data["value"])
	s.Expect(err).NotTo(HaveOccurred())
	clientset, err := kubernetes.NewForConfig(config)
	s.Expect(err).NotTo(HaveOccurred())
	review, err := clientset.AuthenticationV1().SelfSubjectReviews().Create(s.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	s.Expect(err).NotTo(HaveOccurred())
	return review.Status.UserInfo.Username
}
