package chaos

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/kubeconfig"
)

// kind is a kind of control plane.
type kind struct {
	name string
	// credential is what the module gives: token or certificate.
	credential string
	// kubeconfig says which credential is to be published, and account whether
	// that is a token of the control plane's ServiceAccount.
	kubeconfig *controlplanev1.KubeconfigSpec
	account    bool
	// foreign is set if a Secret of somebody else is in the way of the
	// administrators'.
	foreign bool
}

// kinds take turns.
var kinds = []kind{
	{name: "outputs", credential: "token", kubeconfig: &controlplanev1.KubeconfigSpec{Credential: controlplanev1.CredentialOutputs}},
	{name: "token", credential: "token", account: true, kubeconfig: &controlplanev1.KubeconfigSpec{
		Credential: controlplanev1.CredentialServiceAccountToken, TokenLifetime: &metav1.Duration{Duration: 10 * time.Minute},
	}},
	// A token of a day is short enough to be turned into others.
	{name: "auto", credential: "token", account: true},
	{name: "certificate", credential: "certificate", kubeconfig: &controlplanev1.KubeconfigSpec{Credential: controlplanev1.CredentialOutputs}},
}

// foreignPlanes is how many more have a foreign Secret in their way.
const foreignPlanes = 3

// plane is a Cluster and its control plane.
type plane struct {
	kind
	cluster, name string
}

// newPlanes are n control planes, and those with a foreign Secret.
func newPlanes(n int) []*plane {
	var planes []*plane
	for i := range n + foreignPlanes {
		k := kinds[i%len(kinds)]
		k.foreign = i < foreignPlanes
		cluster := fmt.Sprintf("%s-%02d", k.name, i)
		planes = append(planes, &plane{kind: k, cluster: cluster, name: cluster + "-plane"})
	}
	return planes
}

// The names of its Secrets.
func (p *plane) contractSecret() string       { return kubeconfig.SecretName(p.cluster) }
func (p *plane) administratorsSecret() string { return kubeconfig.AdministratorsSecretName(p.name) }
func (p *plane) caSecret() string             { return kubeconfig.CASecretName(p.cluster) }

// published are the Secrets that CAPT is to publish.
func (p *plane) published() []string {
	names := []string{p.contractSecret(), p.caSecret()}
	if !p.foreign {
		names = append(names, p.administratorsSecret())
	}
	return names
}

func (p *plane) newCluster() *clusterv1.Cluster {
	return &clusterv1.Cluster{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: p.cluster},
		Spec: clusterv1.ClusterSpec{ControlPlaneRef: clusterv1.ContractVersionedObjectReference{
			APIGroup: controlplanev1.GroupVersion.Group, Kind: "CAPTControlPlane", Name: p.name,
		}},
	}
}

// newControlPlane has the owner that Cluster API core would give it.
func (p *plane) newControlPlane(cluster *clusterv1.Cluster) *controlplanev1.CAPTControlPlane {
	return &controlplanev1.CAPTControlPlane{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: p.name,
			Labels: map[string]string{clusterv1.ClusterNameLabel: p.cluster},
			OwnerReferences: []metav1.OwnerReference{
				*metav1.NewControllerRef(cluster, clusterv1.GroupVersion.WithKind("Cluster")),
			},
		},
		Spec: controlplanev1.CAPTControlPlaneSpec{
			Version: "v1.36.3",
			ModuleSpec: controlplanev1.ModuleSpec{
				WorkspaceTemplateRef: &infrav1.WorkspaceTemplateReference{Name: templateName},
				Variables:            map[string]string{"credential": p.credential},
				Kubeconfig:           p.kubeconfig,
			},
		},
	}
}

// publisher is the control plane that publishes the Secret.
func (w *world) publisher(secret string) *plane {
	for _, p := range w.planes {
		if slices.Contains(p.published(), secret) {
			return p
		}
	}
	return nil
}

// user is what the name begins with of whom the cluster takes the bearer of the
// kubeconfig for, at rest.
func (p *plane) user() string {
	if p.account {
		return "system:serviceaccount:kube-system:capt-" + namespace + "-" + p.name
	}
	return p.moduleUser()
}

// moduleUser is the same for the module's credential, which is published too as
// long as no token can be had.
func (p *plane) moduleUser() string {
	if p.credential == "certificate" {
		return "admin"
	}
	return "system:serviceaccount:" + namespace + ":" + accountName
}
