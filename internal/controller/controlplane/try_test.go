package controlplane

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/captproject/capt/internal/kubeconfig"
)

// encoded is a kubeconfig as it would be published.
func (w *world) encoded(token string) string {
	w.t.Helper()
	outputs := parts(token)
	kc, err := kubeconfig.Judge(kubeconfig.Candidate{Parts: kubeconfig.Parts{
		Server: outputs["endpoint"], CACertificate: []byte(outputs["cluster_ca_certificate"]), Token: token,
	}}, noon)
	w.Expect(err).NotTo(HaveOccurred())
	secrets, err := kubeconfig.Secrets(client.ObjectKey{Namespace: w.namespace, Name: "c"}, "p", kc)
	w.Expect(err).NotTo(HaveOccurred())
	return string(secrets[0].Data["value"])
}

func TestWhatIsRefusedReplacesNothing(t *testing.T) {
	w := newPublished(t)
	w.clusters.refused = map[string]bool{w.encoded("bad"): true}
	w.store(w.apply().Status.OutputsSecretName, parts("bad"))
	w.Expect(w.reconcile()).To(Equal(ctrl.Result{RequeueAfter: 2 * time.Second}))
	w.Expect(w.condition("KubeconfigReady")).To(Equal("False CredentialRefused"))
	w.Expect(w.condition("Connected")).To(Equal("True Connected"))
	w.Expect(w.publishedToken()).To(Equal("hush-hush"))
	w.Expect(w.request()).NotTo(BeEmpty(), "another one is asked for")

	w.clusters.refused = nil
	w.reconcile()
	w.Expect(w.publishedToken()).To(Equal("bad"), "it is taken now")
}

func TestWhatIsRefusedReplacesWhatIsRefused(t *testing.T) {
	w := newPublished(t)
	w.clusters.refused = map[string]bool{w.encoded("bad"): true, w.encoded("hush-hush"): true}
	w.store(w.apply().Status.OutputsSecretName, parts("bad"))
	w.reconcile()
	w.Expect(w.publishedToken()).To(Equal("bad"), "the module knows best")
}

func TestNothingIsReplacedBeforeItWasTried(t *testing.T) {
	w := newPublished(t)
	w.clusters.silent = true
	w.store(w.apply().Status.OutputsSecretName, parts("new"))
	w.Expect(w.reconcile()).To(BeZero(), "the answer wakes us")
	w.Expect(w.publishedToken()).To(Equal("hush-hush"))
	w.Expect(w.condition("KubeconfigReady")).To(Equal("True KubeconfigReady"))
	w.clusters.silent = false
	w.reconcile()
	w.Expect(w.publishedToken()).To(Equal("new"))
}

func TestAnotherClusterIsNotTriedFirst(t *testing.T) {
	w := newPublished(t)
	w.clusters.silent = true
	other := parts("new")
	other["endpoint"] = "https://other:6443"
	w.store(w.apply().Status.OutputsSecretName, other)
	w.reconcile()
	w.Expect(w.publishedToken()).To(Equal("new"))
}
