package chaos

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/cert"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	"github.com/captproject/capt/internal/kubeconfig"
)

// defectsOf lists what is wrong with a published Secret, at a real time, but for
// whether it opens the cluster.
func (p *plane) defectsOf(secret *corev1.Secret, now time.Time) (defects []string) {
	defect := func(format string, args ...any) { defects = append(defects, fmt.Sprintf(format, args...)) }
	if secret.Type != clusterv1.ClusterSecretType {
		defect("has type %q", secret.Type)
	}
	if label := secret.Labels[clusterv1.ClusterNameLabel]; label != p.cluster {
		defect("has the label %q", label)
	}
	if !p.controls(secret) {
		defect("is controlled by %s", controllerName(secret))
	}
	keys := slices.Sorted(maps.Keys(secret.Data))
	if secret.Name == p.caSecret() {
		return append(defects, caDefects(secret, keys)...)
	}
	if !slices.Equal(keys, []string{kubeconfig.KubeconfigKey}) {
		defect("has the keys %q", keys)
	}
	if _, err := judge(secret, now); err != nil {
		defect("holds no good kubeconfig: %v", err)
	} else if cluster := clusterOf(secret); cluster != p.cluster {
		defect("holds the kubeconfig of the cluster %q", cluster)
	}
	return defects
}

// clusterOf is the name of the cluster in a published kubeconfig; "" if its context,
// its cluster and its user have not all the same.
func clusterOf(secret *corev1.Secret) string {
	config, err := clientcmd.Load(secret.Data[kubeconfig.KubeconfigKey])
	if err != nil {
		return ""
	}
	name := config.CurrentContext
	current := config.Contexts[name]
	if current == nil || current.Cluster != name || current.AuthInfo != name {
		return ""
	}
	return name
}

func caDefects(secret *corev1.Secret, keys []string) (defects []string) {
	if !slices.Equal(keys, []string{kubeconfig.CABundleKey, kubeconfig.CACertificateKey}) {
		defects = append(defects, fmt.Sprintf("has the keys %q", keys))
	}
	if _, err := cert.ParseCertsPEM(secret.Data[kubeconfig.CACertificateKey]); err != nil {
		defects = append(defects, "holds no certificate")
	}
	if !bytes.Equal(secret.Data[kubeconfig.CACertificateKey], secret.Data[kubeconfig.CABundleKey]) {
		defects = append(defects, "holds two different certificates")
	}
	return defects
}

// judge judges the kubeconfig in a Secret.
func judge(secret *corev1.Secret, now time.Time) (*kubeconfig.Kubeconfig, error) {
	return kubeconfig.Judge(kubeconfig.Candidate{Kubeconfig: secret.Data[kubeconfig.KubeconfigKey]}, now)
}

// controls tells whether the Secret is the control plane's.
func (p *plane) controls(secret *corev1.Secret) bool {
	controller := metav1.GetControllerOf(secret)
	return controller != nil && controller.Kind == "CAPTControlPlane" && controller.Name == p.name
}

func controllerName(secret *corev1.Secret) string {
	if controller := metav1.GetControllerOf(secret); controller != nil {
		return controller.Kind + " " + controller.Name
	}
	return "nobody"
}

// isForeign tells whether something that has nothing to do with CAPT controls
// the Secret.
func isForeign(secret *corev1.Secret) bool {
	controller := metav1.GetControllerOf(secret)
	return controller != nil && controller.Kind != "CAPTControlPlane" && controller.Kind != "Cluster"
}

// sameBearer tells whether two credentials come from the same source: a token of
// the control plane's account takes the place of the module's credential
// whichever ends first.
func sameBearer(one, other *kubeconfig.Kubeconfig) bool {
	return one.ServiceAccount() == other.ServiceAccount()
}

// endsEarlier tells whether a credential ends before the other. One without an
// end never does.
func endsEarlier(one, other *kubeconfig.Kubeconfig) bool {
	return one.Expires != nil && (other.Expires == nil || one.Expires.Before(*other.Expires))
}
