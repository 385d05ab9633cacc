package controlplane

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	"github.com/captproject/capt/internal/kubeconfig"
	"github.com/captproject/capt/internal/workload"
)

// encoded is a kubeconfig as it would be published.
func (w *world) encoded(token string) string { return w.encodedOf(parts(token)) }

func (w *world) encodedOf(outputs map[string]string) string {
	w.t.Helper()
	kc, err := kubeconfig.Judge(kubeconfig.Candidate{Parts: kubeconfig.Parts{
		Server: outputs["endpoint"], CACertificate: []byte(outputs["cluster_ca_certificate"]), Token: outputs["token"],
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

// The server that refuses the new one is there, whatever was found before.
func TestWhatIsRefusedReplacesNothingOfTheSameServer(t *testing.T) {
	w := newPublished(t)
	w.answers(parts("hush-hush"), workload.ReasonServerUnreachable)
	w.answers(parts("bad"), workload.ReasonCredentialRefused)
	w.store(w.apply().Status.OutputsSecretName, parts("bad"))
	w.reconcile()
	w.expectPublished("hush-hush")
	w.Expect(w.condition("KubeconfigReady")).To(Equal("False CredentialRefused"))
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

// answers has an API server say this to the kubeconfig of these outputs, now.
func (w *world) answers(outputs map[string]string, reason string) {
	w.t.Helper()
	if w.clusters.answers == nil {
		w.clusters.answers = map[string]workload.Answer{}
	}
	w.clusters.answers[w.encodedOf(outputs)] = workload.Answer{At: w.clock.Now(), Err: workload.NewError(reason), Failures: 1}
}

func TestAnotherClusterIsTriedFirst(t *testing.T) {
	w := newPublished(t)
	w.clusters.silent = true
	w.store(w.apply().Status.OutputsSecretName, moved("hush-hush"))
	w.Expect(w.reconcile()).To(BeZero(), "the answer wakes us")
	w.expectPublished("hush-hush")
	w.clusters.silent = false
	w.reconcile()
	w.Expect(string(w.secret("c-kubeconfig").Data["value"])).To(Equal(w.encodedOf(moved("hush-hush"))))
}

func TestAServerThatDoesNotAnswerMayBeTheNewAddress(t *testing.T) {
	w := newPublished(t)
	w.answers(moved("hush-hush"), workload.ReasonServerUnreachable)
	w.store(w.apply().Status.OutputsSecretName, moved("hush-hush"))
	w.reconcile()
	w.Expect(string(w.secret("c-kubeconfig").Data["value"])).To(Equal(w.encodedOf(moved("hush-hush"))))
	w.Expect(w.condition("KubeconfigReady")).To(Equal("True KubeconfigReady"))
	w.Expect(w.condition("Connected")).To(Equal("False ServerUnreachable"))
}

func TestAWrongClusterReplacesNothing(t *testing.T) {
	otherCA := with("cluster_ca_certificate", newCA())
	for name, tt := range map[string]struct {
		outputs map[string]string
		reason  string
	}{
		"the server has another certificate":    {moved("hush-hush"), workload.ReasonServerCertificateInvalid},
		"the server knows another credential":   {moved("hush-hush"), workload.ReasonCredentialRefused},
		"the CA is not that of the certificate": {otherCA, workload.ReasonServerCertificateInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			w := newPublished(t)
			w.answers(tt.outputs, tt.reason)
			w.store(w.apply().Status.OutputsSecretName, tt.outputs)
			w.Expect(w.reconcile()).To(Equal(ctrl.Result{RequeueAfter: 2 * time.Second}))
			w.Expect(w.condition("KubeconfigReady")).To(Equal("False " + tt.reason))
			w.Expect(w.condition("Connected")).To(Equal("True Connected"))
			w.expectPublished("hush-hush")

			w.delete(w.secret("p-control-plane-kubeconfig"))
			w.reconcile()
			w.expectPublished("hush-hush")

			w.answers(parts("hush-hush"), workload.ReasonServerUnreachable)
			w.reconcile()
			w.expectPublished("hush-hush")
			w.answers(parts("hush-hush"), workload.ReasonCredentialRefused)
			w.reconcile()
			w.Expect(string(w.secret("c-kubeconfig").Data["value"])).To(Equal(w.encodedOf(tt.outputs)), "there is no better one")
		})
	}
}

// That was before the new one was tried: a moment in which the server refused all.
func TestWhetherWhatIsPublishedIsAnsweredIsAskedAnew(t *testing.T) {
	w := newPublished(t)
	w.answers(parts("hush-hush"), workload.ReasonCredentialRefused)
	w.reconcile()
	w.Expect(w.condition("Connected")).To(Equal("False CredentialRefused"))
	w.at(time.Second).answers(moved("hush-hush"), workload.ReasonServerCertificateInvalid)
	w.store(w.apply().Status.OutputsSecretName, moved("hush-hush"))
	w.reconcile()
	w.expectPublished("hush-hush")
	w.Expect(w.condition("KubeconfigReady")).To(Equal("True KubeconfigReady"), "until it is known")
	w.clusters.answers[w.encoded("hush-hush")] = workload.Answer{At: w.clock.Now()}
	w.reconcile()
	w.expectPublished("hush-hush")
	w.Expect(w.condition("KubeconfigReady")).To(Equal("False ServerCertificateInvalid"))
}

func TestATokenOfOursIsNotReplacedByAWrongCluster(t *testing.T) {
	w := newWith(t, nil, jwt("module", noon, time.Hour))
	w.clusters.token = w.own(noon, 24*time.Hour)
	w.settle()
	outputs := moved(jwt("module", noon, time.Hour))
	w.answers(outputs, workload.ReasonServerCertificateInvalid)
	w.clusters.refusedToken = workload.NewError(workload.ReasonServerCertificateInvalid)
	w.store(w.apply().Status.OutputsSecretName, outputs)
	w.reconcile()
	w.expectPublished(w.clusters.token)
	w.Expect(w.condition("KubeconfigReady")).To(Equal("False ServerCertificateInvalid"))
	w.Expect(w.plane().Status.Kubeconfig.Credential).To(BeEquivalentTo("ServiceAccountToken"))
}

// public are outputs without a CA.
func public() map[string]string { return with("cluster_ca_certificate", "") }

func TestWithoutACATheCertificateHasToBePubliclyTrusted(t *testing.T) {
	w := newWorld(t, nil)
	w.reconcile()
	w.stands(w.apply(), "", public())
	w.clusters.silent = true
	w.Expect(w.reconcile()).To(BeZero(), "the answer wakes us")
	w.Expect(w.condition("KubeconfigReady")).To(Equal("Unknown Connecting"))
	w.Expect(w.publishedToken()).To(BeEmpty())

	w.clusters.silent = false
	w.answers(public(), workload.ReasonServerCertificateInvalid)
	w.Expect(w.reconcile()).To(Equal(ctrl.Result{RequeueAfter: 2 * time.Second}))
	w.Expect(w.condition("KubeconfigReady")).To(Equal("False CAMissing"))
	w.Expect(w.message("KubeconfigReady")).To(And(ContainSubstring("h:6443"), ContainSubstring("cluster_ca_certificate")))
	w.Expect(w.publishedToken()).To(BeEmpty())

	w.store(w.apply().Status.OutputsSecretName, parts("hush-hush"))
	w.settle()
	w.expectPublished("hush-hush")
	w.store(w.apply().Status.OutputsSecretName, public())
	w.reconcile()
	w.Expect(w.condition("KubeconfigReady")).To(Equal("False CAMissing"))
	w.expectPublished("hush-hush")

	w.answers(parts("hush-hush"), workload.ReasonCredentialRefused)
	w.reconcile()
	w.Expect(string(w.secret("c-kubeconfig").Data["value"])).To(Equal(w.encodedOf(parts("hush-hush"))), "it would open nothing either")
}

func TestWithoutACANothingElseHoldsTheFirstKubeconfigBack(t *testing.T) {
	for _, reason := range []string{workload.ReasonServerUnreachable, workload.ReasonCredentialRefused} {
		t.Run(reason, func(t *testing.T) {
			w := newWorld(t, nil)
			w.reconcile()
			w.stands(w.apply(), "", public())
			w.answers(public(), reason)
			w.settle()
			w.Expect(w.publishedToken()).To(Equal("hush-hush"))
			w.Expect(w.condition("KubeconfigReady")).To(Equal("True KubeconfigReady"))
		})
	}
	t.Run("nobody is asked", func(t *testing.T) {
		w := newWorld(t, func(plane *controlplanev1.CAPTControlPlane, _ *clusterv1.Cluster) {
			plane.Spec.Kubeconfig.Verify = "Static"
		})
		w.reconcile()
		w.stands(w.apply(), "", public())
		w.clusters.silent = true
		w.settle()
		w.Expect(w.publishedToken()).To(Equal("hush-hush"))
	})
}
