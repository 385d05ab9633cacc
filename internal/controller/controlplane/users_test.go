package controlplane

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	"github.com/captproject/capt/internal/kubeconfig"
)

// keep has a user keep a Secret.
func (w *world) keep(name string, value []byte) *corev1.Secret {
	w.t.Helper()
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: w.namespace, Name: name, Labels: map[string]string{clusterv1.ClusterNameLabel: "c"},
			Annotations: map[string]string{kubeconfig.UserProvidedAnnotation: ""},
		},
		Type: clusterv1.ClusterSecretType, Data: map[string][]byte{"value": value},
	}
	w.create(secret)
	return secret
}

func TestAUsersKubeconfigIsJudgedAndReported(t *testing.T) {
	w := newWorld(t, nil)
	theirs := w.keep("c-kubeconfig", kubeconfigOf(parts(jwt("user", noon, time.Hour))))
	w.Expect(w.settle()).To(Equal(ctrl.Result{RequeueAfter: time.Hour}), "when it ends")
	w.Expect(w.condition("KubeconfigReady")).To(Equal("True KubeconfigReady"), "although the module has given nothing yet")
	w.Expect(w.condition("Connected")).To(Equal("True Connected"))
	w.Expect(w.plane().Status.Kubeconfig.Credential).To(BeEquivalentTo("UserProvided"))
	w.Expect(w.plane().Status.Kubeconfig.RenewalTime).To(BeZero(), "that is for the user")
	w.Expect(w.secret("c-kubeconfig").ResourceVersion).To(Equal(theirs.ResourceVersion))
	w.Expect(w.tokenIn(w.secret("p-control-plane-kubeconfig").Data["value"])).To(Equal(w.tokenIn(theirs.Data["value"])), "administrators get the same")

	w.at(time.Hour).reconcile()
	w.Expect(w.condition("KubeconfigReady")).To(Equal("False CredentialExpired"))
	theirs.Data["value"] = []byte("nonsense")
	w.update(theirs)
	w.reconcile()
	w.Expect(w.condition("KubeconfigReady")).To(Equal("False KubeconfigUnreadable"))
	theirs.Data = map[string][]byte{"kubeconfig": kubeconfigOf(parts("opaque"))}
	w.update(theirs)
	w.reconcile()
	w.Expect(w.condition("KubeconfigReady")).To(Equal("False KubeconfigUnreadable"))
	w.Expect(w.message("KubeconfigReady")).To(ContainSubstring("no key value"))
	theirs.Data, theirs.Labels = map[string][]byte{"value": kubeconfigOf(parts("opaque"))}, nil
	w.update(theirs)
	w.reconcile()
	w.Expect(w.condition("KubeconfigReady")).To(Equal("False SecretLabelMissing"))

	w.stands(w.apply(), "", parts("hush-hush"))
	w.reconcile()
	w.Expect(w.condition("KubeconfigReady")).To(Equal("False SecretLabelMissing"), "theirs counts, whatever the module gives")
	w.delete(w.secret("c-kubeconfig"))
	w.reconcile()
	w.expectPublished("hush-hush")
}

func TestAUsersCredentialHasAnEndOfItsOwn(t *testing.T) {
	w := newWith(t, nil, jwt("module", noon, time.Hour))
	w.reconciler.Collector()
	w.clusters.token = w.own(noon, 24*time.Hour)
	w.settle()
	w.Expect(w.plane().Status.Kubeconfig.ExpirationTime).NotTo(BeZero())
	secret := w.secret("c-kubeconfig")
	secret.Annotations = map[string]string{kubeconfig.UserProvidedAnnotation: ""}
	secret.Data["value"] = kubeconfigOf(parts("opaque"))
	w.update(secret)
	w.settle()
	w.Expect(w.plane().Status.Kubeconfig).To(Equal(controlplanev1.KubeconfigStatus{SecretName: "c-kubeconfig", Credential: "UserProvided"}))
	w.at(25 * time.Hour).reconcile()
	w.Expect(w.without()).To(BeZero())
}

func TestASecretIsTakenOver(t *testing.T) {
	w := newWorld(t, nil)
	controller := true
	w.create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "c-kubeconfig", OwnerReferences: []metav1.OwnerReference{
			{APIVersion: "v1", Kind: "ConfigMap", Name: "x", UID: "u", Controller: &controller}}},
		Type: clusterv1.ClusterSecretType,
	})
	w.reconcile()
	w.stands(w.apply(), "", parts("hush-hush"))
	w.settle()
	w.Expect(w.condition("KubeconfigReady")).To(Equal("False SecretForeign"))
	plane := w.plane()
	plane.Annotations = map[string]string{kubeconfig.TakeOverAnnotation: "c-kubeconfig"}
	w.update(plane)
	w.reconcile()
	w.expectPublished("hush-hush")
	w.Expect(w.condition("KubeconfigReady")).To(Equal("True KubeconfigReady"))
	w.Expect(w.secret("c-kubeconfig").OwnerReferences).To(HaveLen(1), "nobody else's any more")
}
