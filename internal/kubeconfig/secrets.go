package kubeconfig

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
)

// The keys of the Secrets.
const (
	// KubeconfigKey holds the kubeconfig.
	KubeconfigKey = "value"
	// CACertificateKey and CABundleKey hold the CA certificates, the same PEM: the one is where
	// Cluster API looks, the other where everybody else does.
	CACertificateKey = corev1.TLSCertKey
	CABundleKey      = corev1.ServiceAccountRootCAKey
)

const (
	contractSuffix       = "-kubeconfig"
	administratorsSuffix = "-control-plane-kubeconfig"
	caSuffix             = "-ca"
)

// SecretName returns the name of a Cluster's kubeconfig Secret, the one of the contract.
func SecretName(clusterName string) string { return clusterName + contractSuffix }

// AdministratorsSecretName returns the name of a control plane's kubeconfig Secret for people.
func AdministratorsSecretName(controlPlaneName string) string {
	return controlPlaneName + administratorsSuffix
}

// CASecretName returns the name of a Cluster's CA Secret.
func CASecretName(clusterName string) string { return clusterName + caSuffix }

// SecretNames returns the names of everything that is published for a control plane, in the order
// of Secrets.
func SecretNames(clusterName, controlPlaneName string) []string {
	names := []string{SecretName(clusterName)}
	if name := AdministratorsSecretName(controlPlaneName); name != names[0] {
		names = append(names, name)
	}
	return append(names, CASecretName(clusterName))
}

// Secrets returns what is to be published for a control plane, in the order to write it: the
// contract's kubeconfig Secret, the administrators', and the CA's if there is a CA. The first two
// are one where their names are (plane `a` of Cluster `a-control-plane`). Owners are not set.
func Secrets(cluster types.NamespacedName, controlPlaneName string, kc *Kubeconfig) ([]*corev1.Secret, error) {
	value, err := kc.Bytes(cluster.Name)
	if err != nil {
		return nil, err
	}
	var secrets []*corev1.Secret
	for _, name := range SecretNames(cluster.Name, controlPlaneName) {
		switch {
		case name != CASecretName(cluster.Name):
			secrets = append(secrets, NewSecret(cluster, name, map[string][]byte{KubeconfigKey: value}))
		case kc.CA != nil:
			secrets = append(secrets, NewSecret(cluster, name, map[string][]byte{CACertificateKey: kc.CA, CABundleKey: kc.CA}))
		}
	}
	return secrets, nil
}

// NewSecret returns a Secret of a Cluster as it is published, with this data.
func NewSecret(cluster types.NamespacedName, name string, data map[string][]byte) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: cluster.Namespace,
			Name:      name,
			Labels:    map[string]string{clusterv1.ClusterNameLabel: cluster.Name},
		},
		Type: clusterv1.ClusterSecretType,
		Data: data,
	}
}

// UpToDate tells whether an existing Secret has the type, the labels and exactly the data of the
// desired one. Owners, annotations and further labels are not compared. Where only the type
// differs a write does not help: a type is immutable, the Secret has to be deleted and created.
func UpToDate(existing, desired *corev1.Secret) bool {
	for label, value := range desired.Labels {
		if existing.Labels[label] != value {
			return false
		}
	}
	return existing.Type == desired.Type && equality.Semantic.DeepEqual(existing.Data, desired.Data)
}
