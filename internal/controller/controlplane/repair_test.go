package controlplane

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"math/big"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	"github.com/captproject/capt/internal/workload"
)

// caFor is a CA that is valid between two times.
func caFor(t *testing.T, from, until time.Time) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: until, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// with are the outputs of a good kubeconfig, but for one.
func with(name, value string) map[string]string {
	outputs := parts("hush-hush")
	outputs[name] = value
	return outputs
}

func TestAnAccountWithoutRightsIsRepaired(t *testing.T) {
	w := newWith(t, nil, jwt("module", noon, time.Hour))
	first := w.own(noon, 24*time.Hour)
	w.clusters.token = first
	w.settle()
	w.Expect(w.publishedToken()).To(Equal(first))

	w.clusters.incomplete = true
	w.clusters.token = w.own(noon.Add(11*time.Minute), 24*time.Hour)
	asked := len(w.clusters.issues)
	w.at(11 * time.Minute).reconcile()
	w.Expect(w.clusters.issues[asked].Own).To(BeNil())
	w.Expect(w.clusters.issues[asked].Module).NotTo(BeNil())
	w.Expect(w.publishedToken()).To(Equal(w.clusters.token))
}

func TestAnAccountThatMayNotRenewItselfIsForTheModule(t *testing.T) {
	w := newWith(t, nil, jwt("module", noon, time.Hour))
	w.clusters.token = w.own(noon, 24*time.Hour)
	w.settle()
	w.clusters.refusedToken = workload.NewError(workload.ReasonCredentialForbidden)
	w.at(12 * time.Hour).reconcile()
	w.Expect(w.condition("KubeconfigReady")).To(Equal("True TokenNotRenewed"))
	w.Expect(w.request()).To(Equal("2026-01-03T00:00:00Z"), "its credential has ended")
}

func TestWhatIsNotGoodYetIsLookedAtAgain(t *testing.T) {
	early := noon.Add(5*time.Minute + 20*time.Second)
	t.Run("a CA", func(t *testing.T) {
		w := newWorld(t, nil)
		w.reconcile()
		w.stands(w.apply(), "", with("cluster_ca_certificate", caFor(t, early, noon.Add(time.Hour))))
		w.Expect(w.reconcile()).To(Equal(ctrl.Result{RequeueAfter: 20 * time.Second}))
		w.Expect(w.condition("KubeconfigReady")).To(Equal("False CANotYetValid"))
		w.Expect(w.request()).To(BeEmpty())
		w.at(20 * time.Second).settle()
		w.Expect(w.condition("KubeconfigReady")).To(Equal("True KubeconfigReady"))
	})
	t.Run("a user's credential", func(t *testing.T) {
		w := newWorld(t, nil)
		w.keep("c-kubeconfig", kubeconfigOf(parts(jwt("user", early, time.Hour))))
		w.settle()
		w.Expect(w.reconcile()).To(Equal(ctrl.Result{RequeueAfter: 20 * time.Second}))
		w.Expect(w.condition("KubeconfigReady")).To(Equal("False CredentialNotYetValid"))
	})
}

func TestAnExpiredCAIsAskedFor(t *testing.T) {
	w := newWorld(t, nil)
	w.reconcile()
	w.stands(w.apply(), "", with("cluster_ca_certificate", caFor(t, noon.Add(-time.Hour), noon.Add(-time.Minute))))
	w.reconcile()
	w.Expect(w.condition("KubeconfigReady")).To(Equal("False CAExpired"))
	w.Expect(w.request()).To(Equal("2026-01-02T12:00:00Z"))
}

func TestTheEndOfAnOpaqueTokenIsNotForgotten(t *testing.T) {
	w := newWorld(t, nil)
	w.reconcile()
	outputs := with("kubeconfig_expiration", "2026-01-02T14:00:00Z")
	w.stands(w.apply(), "", outputs)
	w.settle()
	known := w.plane().Status.Kubeconfig
	w.Expect(known.ExpirationTime).To(Equal(localTime(noon.Add(2 * time.Hour))))
	w.store(w.apply().Status.OutputsSecretName, with("cluster_ca_certificate", "nonsense"))
	w.reconcile()
	w.Expect(w.condition("KubeconfigReady")).To(Equal("False OutputInvalid"))
	w.Expect(w.plane().Status.Kubeconfig).To(Equal(known))

	maps.Copy(outputs, map[string]string{"kubeconfig_expiration": ""})
	w.store(w.apply().Status.OutputsSecretName, outputs)
	w.reconcile()
	w.Expect(w.plane().Status.Kubeconfig.ExpirationTime).To(BeZero(), "they are good, and say nothing of an end any more")
}

func TestWhereAPublishedTokenComesFromIsNotForgotten(t *testing.T) {
	w := newWith(t, nil, jwt("module", noon, time.Hour))
	w.clusters.token = w.own(noon, 24*time.Hour)
	w.settle()
	plane := w.plane()
	plane.Spec.Kubeconfig = &controlplanev1.KubeconfigSpec{Credential: controlplanev1.CredentialOutputs}
	w.update(plane)
	w.store(w.apply().Status.OutputsSecretName, with("cluster_ca_certificate", "nonsense"))
	w.reconcile()
	w.Expect(w.plane().Status.Kubeconfig.Credential).To(BeEquivalentTo("ServiceAccountToken"))
}

// The label of a Cluster that would have a Secret of this name.
func TestALabelDoesNotTakeASecretFromUs(t *testing.T) {
	w := newPublished(t)
	secret := w.secret("p-control-plane-kubeconfig")
	secret.Labels[clusterv1.ClusterNameLabel] = "p-control-plane"
	secret.Data["value"] = []byte("nonsense")
	w.update(secret)
	w.reconcile()
	w.Expect(w.condition("KubeconfigReady")).To(Equal("True KubeconfigReady"))
	w.Expect(w.tokenIn(w.secret("p-control-plane-kubeconfig").Data["value"])).To(Equal("hush-hush"))
}

func TestTheSecretOfACAGoesWithIt(t *testing.T) {
	w := newPublished(t)
	w.Expect(w.has("c-ca", &corev1.Secret{})).To(BeTrue())
	outputs := parts("hush-hush")
	delete(outputs, "cluster_ca_certificate")
	w.store(w.apply().Status.OutputsSecretName, outputs)
	w.reconcile()
	w.Expect(w.condition("KubeconfigReady")).To(Equal("True KubeconfigReady"))
	w.Expect(w.has("c-ca", &corev1.Secret{})).To(BeFalse(), "its certificate is publicly trusted now")
	w.Expect(w.has("c-kubeconfig", &corev1.Secret{})).To(BeTrue())
}

// The module's credential has ended, so that nothing else leads to a token.
func TestWhatWasNotedIsBelievedWhoeverOwnsIt(t *testing.T) {
	for name, change := range map[string]func(owners []metav1.OwnerReference) []metav1.OwnerReference{
		"nobody": func([]metav1.OwnerReference) []metav1.OwnerReference { return nil },
		"the control plane before a restore": func(owners []metav1.OwnerReference) []metav1.OwnerReference {
			owners[0].UID = "earlier"
			return owners
		},
		"the control plane, no longer the controller": func(owners []metav1.OwnerReference) []metav1.OwnerReference {
			owners[0].Controller = nil
			return owners
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWith(t, nil, jwt("module", noon, time.Hour))
			w.clusters.token = w.own(noon, 24*time.Hour)
			w.settle()
			for _, name := range published {
				secret := w.secret(name)
				secret.OwnerReferences = change(secret.OwnerReferences)
				w.update(secret)
			}
			w.at(2 * time.Hour).reconcile()
			w.expectPublished(w.clusters.token)
			w.Expect(w.condition("KubeconfigReady")).To(Equal("True KubeconfigReady"))
			w.Expect(w.request()).To(BeEmpty())
		})
	}
}

func TestNothingIsBelievedThatIsNobodysIfNothingWasNoted(t *testing.T) {
	w := newWith(t, nil, jwt("module", noon.Add(-time.Hour), time.Hour))
	w.create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "c-kubeconfig"}, Type: clusterv1.ClusterSecretType,
		Data: map[string][]byte{"value": kubeconfigOf(parts(w.own(noon, 24*time.Hour)))},
	})
	w.settle()
	w.Expect(w.condition("KubeconfigReady")).To(Equal("False CredentialExpired"))
	w.Expect(w.secret("c-kubeconfig").OwnerReferences).To(BeEmpty())
}

func TestOwnersOfOtherGroupsStay(t *testing.T) {
	w := newPublished(t)
	secret := w.secret("c-kubeconfig")
	secret.OwnerReferences = append(secret.OwnerReferences,
		metav1.OwnerReference{APIVersion: "cluster.x-k8s.io/v1beta1", Kind: "Cluster", Name: "c", UID: "c"},
		metav1.OwnerReference{APIVersion: "fleet.example/v1", Kind: "Cluster", Name: "c", UID: "f"})
	secret.Data = nil
	w.update(secret)
	w.reconcile()
	var owners []string
	for _, owner := range w.secret("c-kubeconfig").OwnerReferences {
		owners = append(owners, owner.APIVersion)
	}
	w.Expect(owners).To(Equal([]string{controlplanev1.GroupVersion.String(), "fleet.example/v1"}))
}

func TestSecretsWithoutTheirLabelGoWithTheControlPlane(t *testing.T) {
	w := newPublished(t)
	for _, name := range published {
		secret := w.secret(name)
		secret.Labels = nil
		w.update(secret)
	}
	w.delete(w.plane())
	w.reconcile() // the workspace goes
	w.reconcile()
	w.Expect(w.has("p", &controlplanev1.CAPTControlPlane{})).To(BeFalse())
	for _, name := range published {
		w.Expect(w.has(name, &corev1.Secret{})).To(BeFalse(), name)
	}
}

func TestOnlyTheHostOfTheServerIsShown(t *testing.T) {
	w := newWorld(t, nil)
	w.reconcile()
	w.stands(w.apply(), "", with("endpoint", "https://H/hush/hush"))
	w.clusters.refusal = workload.NewError(workload.ReasonServerUnreachable)
	w.reconcile()
	w.Expect(w.message("Connected")).To(HavePrefix("h:443: the API server does not answer"))
}
