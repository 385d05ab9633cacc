package controlplane

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/workload"
)

var published = []string{"c-kubeconfig", "p-control-plane-kubeconfig", "c-ca"}

// expectPublished checks that all Secrets are there and right.
func (w *world) expectPublished(token string) {
	w.t.Helper()
	for _, name := range published {
		secret := w.secret(name)
		w.Expect(secret.Type).To(BeEquivalentTo("cluster.x-k8s.io/secret"), name)
		w.Expect(secret.Labels).To(HaveKeyWithValue(clusterv1.ClusterNameLabel, "c"), name)
		w.Expect(metav1.IsControlledBy(secret, w.plane())).To(BeTrue(), name)
	}
	value := w.secret("c-kubeconfig").Data["value"]
	config, err := clientcmd.Load(value)
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(config.Clusters["c"].Server).To(Equal("https://h:6443"))
	w.Expect(string(config.Clusters["c"].CertificateAuthorityData)).To(Equal(ca))
	w.Expect(config.AuthInfos["c"].Token).To(Equal(token))
	w.Expect(w.secret("p-control-plane-kubeconfig").Data).To(Equal(map[string][]byte{"value": value}))
	w.Expect(w.secret("c-ca").Data).To(Equal(map[string][]byte{"tls.crt": []byte(ca), "ca.crt": []byte(ca)}))
}

func TestTheKubeconfigIsPublished(t *testing.T) {
	w := newPublished(t)
	w.expectPublished("hush-hush")
	w.Expect(w.clusters.tried).To(Equal(string(w.secret("c-kubeconfig").Data["value"])), "what is published is tried")
	plane := w.plane()
	w.Expect(plane.Spec.ControlPlaneEndpoint).To(Equal(clusterv1.APIEndpoint{Host: "h", Port: 6443}))
	w.Expect(plane.Status.Kubeconfig.SecretName).To(Equal("c-kubeconfig"))
	w.Expect(plane.Status.Initialization.ControlPlaneInitialized).To(Equal(ptr.To(true)))
	w.Expect(plane.Status.ExternalManagedControlPlane).To(Equal(ptr.To(true)))
	w.Expect(plane.Status.Version).To(Equal("v1.34.1"))
	w.Expect(plane.Status.Versions).To(Equal([]clusterv1.StatusVersion{{Version: "v1.34.1"}}))
	w.Expect(plane.Status.ObservedGeneration).To(Equal(plane.Generation))
	for _, condition := range []string{"WorkspaceReady", "EndpointAvailable", "KubeconfigReady", "Connected", "Available"} {
		w.Expect(w.condition(condition)).To(Equal("True "+condition), condition)
	}
}

func TestNothingIsWrittenAtRest(t *testing.T) {
	w := newPublished(t)
	var writes []string
	w.reconciler.Client = noting(t, &writes)
	w.Expect(w.reconcile()).To(BeZero())
	w.Expect(writes).To(BeEmpty())
	w.delete(w.secret("c-ca"))
	w.reconcile()
	w.Expect(writes).To(Equal([]string{"create c-ca"}), "the writes are seen")
}

func TestSecretsAreRepaired(t *testing.T) {
	for damage, do := range map[string]func(*corev1.Secret){
		"content": func(secret *corev1.Secret) {
			secret.Data = map[string][]byte{"value": []byte("x"), "more": []byte("y")}
		},
		"label":                    func(secret *corev1.Secret) { secret.Labels = nil },
		"owner":                    func(secret *corev1.Secret) { secret.OwnerReferences = nil },
		"no longer the controller": func(secret *corev1.Secret) { secret.OwnerReferences[0].Controller = nil },
		"frozen":                   func(secret *corev1.Secret) { secret.Data, secret.Immutable = nil, ptr.To(true) },
	} {
		t.Run(damage, func(t *testing.T) {
			w := newPublished(t)
			for _, name := range published {
				secret := w.secret(name)
				do(secret)
				w.update(secret)
			}
			w.reconcile()
			w.expectPublished("hush-hush")
		})
	}
}

func TestSecretsComeBack(t *testing.T) {
	w := newPublished(t)
	for _, name := range published {
		secret := w.secret(name)
		w.delete(secret)
		if name == "c-kubeconfig" {
			// A type cannot be changed: somebody has made it anew.
			secret.ObjectMeta = metav1.ObjectMeta{Namespace: w.namespace, Name: name, OwnerReferences: secret.OwnerReferences}
			secret.Type = corev1.SecretTypeOpaque
			w.create(secret)
		}
	}
	w.reconcile()
	w.expectPublished("hush-hush")
}

func TestSecretsAreAdopted(t *testing.T) {
	for name, owners := range map[string]func(*world) []metav1.OwnerReference{
		"nobody's": func(*world) []metav1.OwnerReference { return nil },
		"the Cluster's": func(w *world) []metav1.OwnerReference {
			return []metav1.OwnerReference{*metav1.NewControllerRef(w.cluster(), clusterv1.GroupVersion.WithKind("Cluster"))}
		},
		"of an earlier control plane": func(w *world) []metav1.OwnerReference {
			reference := *metav1.NewControllerRef(w.plane(), controlplanev1.GroupVersion.WithKind("CAPTControlPlane"))
			reference.UID = "earlier"
			return []metav1.OwnerReference{reference}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.create(&corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{
					Namespace: w.namespace, Name: "c-kubeconfig", OwnerReferences: owners(w), Labels: map[string]string{"users": "own"}},
				Type: clusterv1.ClusterSecretType, Data: map[string][]byte{"value": []byte("old")},
			})
			w.reconcile()
			w.stands(w.apply(), "", parts("hush-hush"))
			w.reconcile()
			w.expectPublished("hush-hush")
			w.Expect(w.secret("c-kubeconfig").OwnerReferences).To(HaveLen(1))
			w.Expect(w.secret("c-kubeconfig").Labels).To(HaveKeyWithValue("users", "own"))
		})
	}
}

func TestSecretsOfOthersAreNotTouched(t *testing.T) {
	tests := map[string]struct {
		secret func(*world) *corev1.Secret
		reason string
	}{
		"controlled by something else": {func(_ *world) *corev1.Secret {
			return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "c-kubeconfig", OwnerReferences: []metav1.OwnerReference{
				{APIVersion: "v1", Kind: "ConfigMap", Name: "x", UID: "u", Controller: ptr.To(true)}}}}
		}, "False SecretForeign"},
		"the kubeconfig of another Cluster": {func(_ *world) *corev1.Secret {
			return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
				Name: "p-control-plane-kubeconfig", Labels: map[string]string{clusterv1.ClusterNameLabel: "p-control-plane"}}}
		}, "True SecretNameTaken"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			theirs := tt.secret(w)
			theirs.Namespace, theirs.Type, theirs.Data = w.namespace, clusterv1.ClusterSecretType, map[string][]byte{"value": []byte("theirs")}
			w.create(theirs)
			w.reconcile()
			w.stands(w.apply(), "", parts("hush-hush"))
			w.Expect(w.reconcile()).To(BeZero())
			w.Expect(w.condition("KubeconfigReady")).To(Equal(tt.reason))
			w.Expect(w.secret(theirs.Name).ResourceVersion).To(Equal(theirs.ResourceVersion))
			for _, other := range published {
				if other != theirs.Name {
					w.Expect(metav1.IsControlledBy(w.secret(other), w.plane())).To(BeTrue(), "%s is published all the same", other)
				}
			}
			w.Expect(w.condition("Connected")).To(Equal("True Connected"))
			w.delete(w.plane())
			w.reconcile()
			w.Expect(w.secret(theirs.Name).ResourceVersion).To(Equal(theirs.ResourceVersion))
		})
	}
}

func TestABadKubeconfigNeverReplacesAGoodOne(t *testing.T) {
	w := newPublished(t)
	for reason, outputs := range map[string]map[string]string{
		"OutputMissing":     {"endpoint": "https://h:6443"},
		"OutputInvalid":     {"endpoint": "https://h:6443", "cluster_ca_certificate": "no certificate", "token": "t"},
		"CredentialExpired": {"endpoint": "https://h:6443", "cluster_ca_certificate": ca, "token": "eyJhbGciOiJub25lIn0.eyJleHAiOjF9.x"},
		"ExecRefused": {"kubeconfig": `
apiVersion: v1
kind: Config
current-context: x
contexts: [{name: x, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "https://h:6443"}}]
users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: aws, interactiveMode: Never}}}]
`},
	} {
		w.store("p-control-plane-outputs", outputs)
		version := w.secret("c-kubeconfig").ResourceVersion
		w.Expect(w.reconcile()).To(BeZero())
		w.Expect(w.condition("KubeconfigReady")).To(Equal("False " + reason))
		w.Expect(w.condition("Available")).To(HavePrefix("False"))
		w.Expect(w.secret("c-kubeconfig").ResourceVersion).To(Equal(version))
	}
	w.store("p-control-plane-outputs", parts("hush-hush-2"))
	w.reconcile()
	w.expectPublished("hush-hush-2")
	w.Expect(w.condition("Available")).To(Equal("True Available"))
}

func TestTheEndpointIsSetOnce(t *testing.T) {
	w := newPublished(t)
	moved := parts("hush-hush")
	moved["endpoint"] = "https://moved"
	w.store("p-control-plane-outputs", moved)
	w.reconcile()
	w.Expect(w.plane().Spec.ControlPlaneEndpoint).To(Equal(clusterv1.APIEndpoint{Host: "h", Port: 6443}), "Cluster API would not follow")
	w.Expect(w.clusters.tried).To(ContainSubstring("https://moved"), "but clients do")
}

func TestAnUnreachableServerHoldsNothingBack(t *testing.T) {
	for _, reason := range []string{"ServerUnreachable", "ServerCertificateInvalid", "CredentialForbidden"} {
		refusal := workload.NewError(reason)
		t.Run(reason, func(t *testing.T) {
			w := newWorld(t, nil)
			w.reconcile()
			w.stands(w.apply(), "", parts("hush-hush"))
			w.clusters.refusal = refusal
			w.Expect(w.reconcile()).To(Equal(ctrl.Result{RequeueAfter: 2 * time.Second}))
			w.expectPublished("hush-hush")
			w.Expect(w.condition("KubeconfigReady")).To(Equal("True KubeconfigReady"))
			w.Expect(w.condition("Connected")).To(Equal("False " + reason))
			w.Expect(w.plane().Status.Initialization.ControlPlaneInitialized).To(BeNil())

			w.clusters.refusal = nil
			w.Expect(w.reconcile()).To(BeZero())
			w.Expect(w.condition("Connected")).To(Equal("True Connected"))
			w.Expect(w.plane().Status.Initialization.ControlPlaneInitialized).To(Equal(ptr.To(true)))

			w.clusters.refusal = refusal
			w.reconcile()
			w.Expect(w.condition("Connected")).To(Equal("False " + reason))
			w.Expect(w.plane().Status.Initialization.ControlPlaneInitialized).To(Equal(ptr.To(true)), "it never goes back")
			w.Expect(w.plane().Status.Version).To(Equal("v1.34.1"))
		})
	}
}

func TestTheOutputsOfAnEarlierSuccessArePublished(t *testing.T) {
	for _, reason := range []string{"Applying", "ApplyFailed"} {
		t.Run(reason, func(t *testing.T) {
			w := newWorld(t, nil)
			w.reconcile()
			w.stands(w.apply(), reason, nil)
			w.Expect(w.reconcile()).To(BeZero())
			w.Expect(w.has("c-kubeconfig", &corev1.Secret{})).To(BeFalse())
			w.stands(w.apply(), reason, parts("hush-hush"))
			w.reconcile()
			w.expectPublished("hush-hush")
			w.Expect(w.condition("WorkspaceReady")).To(Equal("False " + reason))
			w.Expect(w.condition("KubeconfigReady")).To(Equal("True KubeconfigReady"))
			w.Expect(w.condition("Available")).To(HavePrefix("False"))
		})
	}
}

func TestTheSecretIsRepairedWhateverKeepsTheWorkspaceFromBeingChanged(t *testing.T) {
	w := newPublished(t)
	w.delete(&infrav1.CAPTCluster{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "i"}})
	w.delete(w.secret("c-kubeconfig"))
	_, err := w.reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: w.key("p")})
	w.Expect(err).To(MatchError(ContainSubstring("reading CAPTCluster i")))
	w.Expect(w.condition("WorkspaceReady")).To(HavePrefix("False WorkspaceFailed"))
	w.Expect(w.has("c-kubeconfig", &corev1.Secret{})).To(BeTrue())
}
