package controlplane

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/workload"
)

// jwt is a token of a subject that lives for a while from a time on.
func jwt(subject string, from time.Time, life time.Duration) string {
	claims := fmt.Sprintf(`{"sub":%q,"iat":%d,"exp":%d}`, subject, from.Unix(), from.Add(life).Unix())
	b64 := base64.RawURLEncoding.EncodeToString
	return b64([]byte("{}")) + "." + b64([]byte(claims)) + "." + b64([]byte("hush-hush"))
}

// own is a token of the account of the control plane.
func (w *world) own(from time.Time, life time.Duration) string {
	return jwt(account(w.plane()).User(), from, life)
}

// newWith is a world with these settings whose module has given a token.
func newWith(t *testing.T, spec *controlplanev1.KubeconfigSpec, token string) *world {
	t.Helper()
	w := newWorld(t, func(plane *controlplanev1.CAPTControlPlane, _ *clusterv1.Cluster) { plane.Spec.Kubeconfig = spec })
	w.reconcile()
	w.stands(w.apply(), "", parts(token))
	return w
}

// settle reconciles until the account is noted and the endpoint known.
func (w *world) settle() ctrl.Result {
	w.t.Helper()
	w.reconcile()
	w.reconcile()
	return w.reconcile()
}

// at sets the clock to a time after noon.
func (w *world) at(after time.Duration) *world {
	w.clock.SetTime(noon.Add(after))
	return w
}

// publishedToken is the token in the Secret of the contract; "" without one.
func (w *world) publishedToken() string {
	w.t.Helper()
	secret := &corev1.Secret{}
	if !w.has("c-kubeconfig", secret) {
		return ""
	}
	return w.tokenIn(secret.Data["value"])
}

func (w *world) tokenIn(kubeconfig []byte) string {
	w.t.Helper()
	if kubeconfig == nil {
		return ""
	}
	config, err := clientcmd.Load(kubeconfig)
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(config.AuthInfos).To(HaveLen(1))
	for _, user := range config.AuthInfos {
		return user.Token
	}
	return ""
}

func (w *world) request() string {
	w.t.Helper()
	return w.apply().Annotations[infrav1.ApplyRequestAnnotation]
}

// handle has the run that was asked for end, with a token.
func (w *world) handle(token string) {
	w.t.Helper()
	apply := w.apply()
	apply.Status.LastHandledApplyRequest = w.request()
	w.stands(apply, "", parts(token))
}

func TestTheModuleRenewsItsCredential(t *testing.T) {
	first, second := jwt("module", noon, 2*time.Hour), jwt("module", noon.Add(90*time.Minute), 2*time.Hour)
	w := newWith(t, &controlplanev1.KubeconfigSpec{Credential: "Outputs"}, first)
	w.Expect(w.settle()).To(Equal(ctrl.Result{RequeueAfter: time.Hour}), "at half of its life")
	w.Expect(w.plane().Status.Kubeconfig).To(Equal(controlplanev1.KubeconfigStatus{
		SecretName: "c-kubeconfig", Credential: "Outputs",
		ExpirationTime: localTime(noon.Add(2 * time.Hour)), RenewalTime: localTime(noon.Add(time.Hour)),
	}))
	w.at(59 * time.Minute).reconcile()
	w.Expect(w.request()).To(BeEmpty())
	w.Expect(w.at(time.Hour).reconcile()).To(BeZero(), "the run wakes us")
	w.Expect(w.request()).To(Equal("2026-01-02T13:00:00Z"))
	w.Expect(w.at(70 * time.Minute).reconcile()).To(BeZero())
	w.Expect(w.request()).To(Equal("2026-01-02T13:00:00Z"), "once")
	w.Expect(w.publishedToken()).To(Equal(first), "it is good still")

	w.handle(first)
	w.Expect(w.at(75*time.Minute).reconcile()).To(Equal(ctrl.Result{RequeueAfter: 15 * time.Minute}), "nothing new: half of what was left")
	w.Expect(w.at(90 * time.Minute).reconcile()).To(BeZero())
	w.Expect(w.request()).To(Equal("2026-01-02T13:30:00Z"))
	w.handle(second)
	w.reconcile()
	w.Expect(w.publishedToken()).To(Equal(second))
	w.Expect(w.reconcile()).To(Equal(ctrl.Result{RequeueAfter: time.Hour}))
	w.Expect(w.condition("KubeconfigReady")).To(Equal("True KubeconfigReady"))
}

// localTime is a time as it comes back from the API server.
func localTime(t time.Time) metav1.Time { return metav1.NewTime(t.Local()) }

func TestACredentialThatHasEndedIsAskedFor(t *testing.T) {
	w := newWith(t, &controlplanev1.KubeconfigSpec{Credential: "Outputs"}, jwt("module", noon.Add(-time.Hour), time.Hour))
	w.reconcile()
	w.Expect(w.condition("KubeconfigReady")).To(Equal("False CredentialExpired"))
	w.Expect(w.publishedToken()).To(BeEmpty())
	w.Expect(w.request()).To(Equal("2026-01-02T12:00:00Z"))
	w.handle(jwt("module", noon.Add(-time.Hour), time.Hour))
	w.Expect(w.reconcile()).To(Equal(ctrl.Result{RequeueAfter: 30 * time.Second}))
	w.handle(jwt("module", noon, time.Hour))
	w.settle()
	w.Expect(w.condition("KubeconfigReady")).To(Equal("True KubeconfigReady"))
}

func TestACredentialThatIsNotGoodYetIsWaitedFor(t *testing.T) {
	w := newWith(t, &controlplanev1.KubeconfigSpec{Credential: "Outputs"}, jwt("module", noon.Add(20*time.Minute), time.Hour))
	w.reconcile()
	w.Expect(w.condition("KubeconfigReady")).To(Equal("False CredentialNotYetValid"))
	w.handle(jwt("module", noon.Add(20*time.Minute), time.Hour))
	w.at(20 * time.Minute).settle()
	w.Expect(w.condition("KubeconfigReady")).To(Equal("True KubeconfigReady"))
}

func TestARefusedCredentialIsAskedFor(t *testing.T) {
	w := newPublished(t)
	w.clusters.refused = map[string]bool{w.clusters.tried: true}
	w.reconcile()
	w.Expect(w.request()).To(Equal("2026-01-02T12:00:00Z"))
	w.Expect(w.condition("Connected")).To(Equal("False CredentialRefused"))
	w.Expect(w.publishedToken()).To(Equal("hush-hush"), "there is nothing better")
	w.handle("hush-hush")
	w.at(time.Minute).reconcile()
	w.Expect(w.request()).To(Equal("2026-01-02T12:00:00Z"), "not without end")
	w.at(time.Hour).reconcile()
	w.Expect(w.request()).To(Equal("2026-01-02T13:00:00Z"))
}

func TestTheNextRenewal(t *testing.T) {
	at := func(d time.Duration) time.Time { return noon.Add(d) }
	for name, tt := range map[string]struct {
		last    time.Time
		expires *time.Time
		want    time.Time
	}{
		"never before":        {time.Time{}, ptr.To(at(time.Hour)), noon},
		"by a wrong clock":    {at(time.Hour), ptr.To(at(2 * time.Hour)), noon},
		"half of the rest":    {at(-time.Minute), ptr.To(at(time.Hour - time.Minute)), at(29 * time.Minute)},
		"near the end":        {noon, ptr.To(at(10 * time.Second)), at(30 * time.Second)},
		"long before the end": {noon, ptr.To(at(1000 * time.Hour)), at(500 * time.Hour)},
		"after the end":       {at(-10 * time.Minute), ptr.To(at(-30 * time.Minute)), noon},
		"long after the end":  {noon, ptr.To(at(-1000 * time.Hour)), at(time.Hour)},
		"no end":              {noon, nil, at(time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(nextRenewal(tt.last, tt.expires, noon)).To(Equal(tt.want))
		})
	}
}

func TestAShortCredentialIsTurnedIntoTokens(t *testing.T) {
	w := newWith(t, nil, jwt("module", noon, time.Hour))
	w.clusters.silent = true
	w.reconcile()
	w.Expect(w.plane().Annotations).To(HaveKeyWithValue(accountAnnotation, account(w.plane()).Name()))
	w.Expect(w.clusters.issues).To(BeEmpty(), "noted before there is one")
	w.reconcile()
	w.Expect(w.condition("KubeconfigReady")).To(Equal("Unknown IssuingToken"))
	w.Expect(w.publishedToken()).To(BeEmpty(), "a credential that lasts is worth the moment")
	w.Expect(w.clusters.account).To(Equal(workload.Account{ControlPlane: w.key("p"), ClusterRole: "cluster-admin", Lifetime: 24 * time.Hour}))

	first := w.own(noon, 24*time.Hour)
	w.clusters.silent, w.clusters.token = false, first
	w.reconcile()
	w.Expect(w.publishedToken()).To(Equal(first))
	asked := len(w.clusters.issues)
	w.Expect(w.reconcile()).To(Equal(ctrl.Result{RequeueAfter: 12 * time.Hour}))
	w.Expect(w.clusters.issues).To(HaveLen(asked))
	w.Expect(w.plane().Status.Kubeconfig.Credential).To(BeEquivalentTo("ServiceAccountToken"))
	w.Expect(w.condition("Available")).To(Equal("True Available"))

	second := w.own(noon.Add(12*time.Hour), 24*time.Hour)
	w.clusters.token = second
	w.at(12 * time.Hour).reconcile()
	w.Expect(w.publishedToken()).To(Equal(second))
	last := w.clusters.issues[len(w.clusters.issues)-1]
	w.Expect(w.tokenIn(last.Own)).To(Equal(first), "with the one before")
	w.Expect(last.Module).To(BeNil(), "that of the module has ended")
	w.Expect(w.request()).To(BeEmpty(), "and was not needed")

	w.clusters.refusedToken = workload.NewError(workload.ReasonServerUnreachable)
	w.Expect(w.at(24 * time.Hour).reconcile()).To(Equal(ctrl.Result{RequeueAfter: 2 * time.Second}))
	w.Expect(w.condition("KubeconfigReady")).To(Equal("True TokenNotRenewed"))
	w.Expect(w.publishedToken()).To(Equal(second))

	w.at(36 * time.Hour).reconcile()
	w.Expect(w.condition("KubeconfigReady")).To(Equal("False CredentialExpired"), "the manager was down, say")
	w.Expect(w.request()).To(Equal("2026-01-04T00:00:00Z"), "the way back leads through the module")
	third := w.own(noon.Add(36*time.Hour), 24*time.Hour)
	w.clusters.refusedToken, w.clusters.token = nil, third
	w.handle(jwt("module", noon.Add(36*time.Hour), time.Hour))
	w.reconcile()
	w.Expect(w.publishedToken()).To(Equal(third))
	w.Expect(w.condition("KubeconfigReady")).To(Equal("True KubeconfigReady"))
}

func TestWithoutATokenTheModulesCredentialIsPublished(t *testing.T) {
	token := jwt("module", noon, time.Hour)
	w := newWith(t, nil, token)
	w.clusters.refusedToken = workload.NewError(workload.ReasonCredentialForbidden)
	w.settle()
	w.Expect(w.publishedToken()).To(Equal(token))
	w.Expect(w.condition("KubeconfigReady")).To(Equal("True TokenNotIssued"))
	w.Expect(w.plane().Status.Kubeconfig.Credential).To(BeEquivalentTo("Outputs"))
	w.at(30 * time.Minute).reconcile()
	w.Expect(w.request()).NotTo(BeEmpty(), "and renewed by the module")

	w.clusters.refusedToken, w.clusters.token = nil, w.own(noon.Add(30*time.Minute), 24*time.Hour)
	w.reconcile()
	w.Expect(w.publishedToken()).To(Equal(w.clusters.token), "it is tried again")
}

func TestATokenThatIsRefusedIsReplaced(t *testing.T) {
	module := jwt("module", noon, time.Hour)
	w := newWith(t, nil, module)
	first := w.own(noon, 24*time.Hour)
	w.clusters.token = first
	w.settle()
	w.clusters.refused = map[string]bool{w.clusters.tried: true}
	w.clusters.token = w.own(noon.Add(time.Second), 24*time.Hour)
	w.reconcile()
	last := w.clusters.issues[len(w.clusters.issues)-1]
	w.Expect(last.Own).To(BeNil())
	w.Expect(w.tokenIn(last.Module)).To(Equal(module))
	w.Expect(w.publishedToken()).To(Equal(w.clusters.token))
}

func TestATokenThatIsNoGoodIsNotPublished(t *testing.T) {
	module := jwt("module", noon, time.Hour)
	w := newWith(t, nil, module)
	w.clusters.token = w.own(noon.Add(-time.Hour), time.Minute)
	w.settle()
	w.Expect(w.publishedToken()).To(Equal(module))
	w.Expect(w.condition("KubeconfigReady")).To(Equal("True TokenNotIssued"))
}

func TestTokensOfOthersAreNotTakenForOurs(t *testing.T) {
	for name, damage := range map[string]func(w *world) map[string]string{
		"another account": func(*world) map[string]string {
			return parts(jwt("system:serviceaccount:kube-system:x", noon, 24*time.Hour))
		},
		"an earlier server": func(w *world) map[string]string { return moved(w.own(noon, 24*time.Hour)) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWith(t, nil, jwt("module", noon, time.Hour))
			w.clusters.token = w.own(noon, 24*time.Hour)
			w.settle()
			for _, name := range published[:2] {
				secret := w.secret(name)
				secret.Data["value"] = kubeconfigOf(damage(w))
				w.update(secret)
			}
			asked := len(w.clusters.issues)
			w.reconcile()
			w.Expect(w.clusters.issues).To(HaveLen(asked+1), "it is replaced")
			w.expectPublished(w.clusters.token)
		})
	}
}

func TestADeletedSecretComesBackWithANewToken(t *testing.T) {
	w := newWith(t, nil, jwt("module", noon, time.Hour))
	w.clusters.token = w.own(noon, 24*time.Hour)
	w.settle()
	second := w.own(noon.Add(time.Second), 24*time.Hour)
	w.delete(w.secret("c-kubeconfig"))
	w.clusters.token = second
	w.reconcile()
	w.expectPublished(second)

	w.clusters.refusedToken = workload.NewError(workload.ReasonServerUnreachable)
	w.delete(w.secret("c-kubeconfig"))
	w.reconcile()
	w.expectPublished(second)
	w.Expect(w.condition("KubeconfigReady")).To(Equal("True TokenNotRenewed"), "the old one, if there is no new one")
	w.clusters.silent = true
	w.delete(w.secret("c-kubeconfig"))
	w.reconcile()
	w.Expect(w.publishedToken()).To(BeEmpty(), "the answer is awaited")
	w.delete(w.secret("p-control-plane-kubeconfig"))
	w.delete(w.secret("c-ca"))
	w.clusters.silent, w.clusters.refusedToken = false, nil
	w.reconcile()
	w.expectPublished(second)
}

func TestADamagedTokenIsNotBelieved(t *testing.T) {
	forge := func(w *world, name string) {
		secret := w.secret(name)
		secret.Data["value"] = bytes.ReplaceAll(secret.Data["value"], []byte(w.clusters.token), []byte(w.clusters.token+"x"))
		w.update(secret)
	}
	w := newWith(t, nil, jwt("module", noon, time.Hour))
	first := w.own(noon, 24*time.Hour)
	w.clusters.token = first
	w.settle()
	asked := len(w.clusters.issues)
	for _, name := range published[:2] {
		forge(w, name)
		w.reconcile()
		w.expectPublished(first)
		w.Expect(w.clusters.issues).To(HaveLen(asked), "the other Secret has it still")
	}
	forge(w, "c-kubeconfig")
	w.delete(w.secret("p-control-plane-kubeconfig"))
	w.clusters.token = w.own(noon.Add(time.Second), 24*time.Hour)
	w.reconcile()
	w.expectPublished(w.clusters.token)

	// Both with the same damage.
	forge(w, "c-kubeconfig")
	forge(w, "p-control-plane-kubeconfig")
	w.clusters.token = w.own(noon.Add(2*time.Second), 24*time.Hour)
	w.reconcile()
	w.expectPublished(w.clusters.token)

	// As after a crash between the writes of the two.
	third := w.own(noon.Add(13*time.Hour), 24*time.Hour)
	administrators := w.secret("p-control-plane-kubeconfig").Data
	w.clusters.token = third
	w.at(13 * time.Hour).reconcile()
	w.expectPublished(third)
	secret := w.secret("p-control-plane-kubeconfig")
	secret.Data = administrators
	w.update(secret)
	asked = len(w.clusters.issues)
	w.reconcile()
	w.expectPublished(third)
	w.Expect(w.clusters.issues).To(HaveLen(asked), "the newer one wins")
}

func moved(token string) map[string]string {
	outputs := parts(token)
	outputs["endpoint"] = "https://earlier"
	return outputs
}

func kubeconfigOf(outputs map[string]string) []byte {
	return fmt.Appendf(nil, `{"clusters":[{"name":"c","cluster":{"server":%q,"certificate-authority-data":%q}}],"users":[{"name":"u","user":{"token":%q}}],"contexts":[{"name":"x","context":{"cluster":"c","user":"u"}}],"current-context":"x"}`,
		outputs["endpoint"], base64.StdEncoding.EncodeToString([]byte(outputs["cluster_ca_certificate"])), outputs["token"])
}

func TestTokensAreRenewedWhateverTheModuleGives(t *testing.T) {
	w := newWith(t, nil, jwt("module", noon, time.Hour))
	w.clusters.token = w.own(noon, 24*time.Hour)
	w.settle()
	w.store("p-control-plane-outputs", map[string]string{"endpoint": "https://h:6443"})
	w.clusters.token = w.own(noon.Add(12*time.Hour), 24*time.Hour)
	w.delete(w.secret("c-kubeconfig"))
	w.at(12 * time.Hour).reconcile()
	w.Expect(w.condition("KubeconfigReady")).To(Equal("False OutputMissing"))
	w.Expect(w.publishedToken()).To(Equal(w.clusters.token), "the administrators' Secret tells all that is needed")
	w.expectPublished(w.clusters.token)
}

func TestAStaticKubeconfigAsksNobody(t *testing.T) {
	w := newWith(t, &controlplanev1.KubeconfigSpec{Verify: "Static"}, jwt("module", noon, time.Hour))
	w.Expect(w.settle()).To(Equal(ctrl.Result{RequeueAfter: 30 * time.Minute}))
	w.Expect(w.clusters.tried).To(BeEmpty())
	w.Expect(w.clusters.issues).To(BeEmpty())
	w.Expect(w.condition("Connected")).To(Equal("True NotAsked"))
	w.Expect(w.condition("Available")).To(Equal("True Available"))
	w.Expect(w.plane().Status.Initialization.ControlPlaneInitialized).To(Equal(ptr.To(true)))
	w.Expect(w.plane().Status.Version).To(Equal("v1.34.1"), "what is wanted, for lack of better knowledge")
}

func TestNobodyWaitsForTheServer(t *testing.T) {
	w := newWith(t, &controlplanev1.KubeconfigSpec{Credential: "Outputs"}, "hush-hush")
	w.clusters.silent = true
	w.Expect(w.reconcile()).To(BeZero())
	w.expectPublished("hush-hush")
	w.Expect(w.condition("Connected")).To(Equal("Unknown Connecting"))
	w.clusters.silent = false
	w.reconcile()
	w.Expect(w.condition("Connected")).To(Equal("True Connected"))
	w.clusters.silent = true
	w.reconcile()
	w.Expect(w.condition("Connected")).To(Equal("True Connected"), "until something else is known")
}

func TestTheAccountGoesWithTheControlPlane(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(w *world)
		module bool
	}{
		"by the module's credential": {func(*world) {}, true},
		"by its own token":           {func(w *world) { w.at(2 * time.Hour) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWith(t, nil, jwt("module", noon, time.Hour))
			w.clusters.token = w.own(noon, 24*time.Hour)
			w.settle()
			tt.change(w)
			w.delete(w.plane())
			w.clusters.silent = true
			w.reconcile()
			w.Expect(w.condition("Connected")).To(Equal("False RemovingAccount"))
			w.Expect(w.apply().DeletionTimestamp).To(BeNil(), "while there is a cluster to ask")
			w.clusters.silent = false
			w.reconcile()
			w.Expect(w.clusters.removed[0].Module != nil).To(Equal(tt.module))
			w.Expect(w.tokenIn(w.clusters.removed[0].Own)).To(Equal(w.clusters.token))
			w.Expect(w.has("p-control-plane", &infrav1.WorkspaceTemplateApply{})).To(BeFalse())
		})
	}
}

// A cache that has not seen yet that the object is gone.
func TestAnObjectThatIsGoneIsNoError(t *testing.T) {
	w := newPublished(t)
	w.delete(w.plane())
	w.reconcile()
	before := w.plane()
	w.reconcile()
	w.Expect(w.has("p", &controlplanev1.CAPTControlPlane{})).To(BeFalse())
	w.reconciler.Client = refusing(t, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			if plane, is := obj.(*controlplanev1.CAPTControlPlane); is {
				before.DeepCopyInto(plane)
				return nil
			}
			return c.Get(ctx, key, obj, opts...)
		}})
	_, err := w.tryReconcile()
	w.Expect(err).NotTo(HaveOccurred())
}

func TestARemovalWaitsForTheOutputs(t *testing.T) {
	w := newWith(t, nil, jwt("module", noon, time.Hour))
	w.clusters.token = w.own(noon, 24*time.Hour)
	w.settle()
	w.delete(w.secret("c-kubeconfig"))
	w.delete(w.secret("p-control-plane-kubeconfig"))
	w.reconciler.Live = refusing(t, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			if key.Name == "p-control-plane-outputs" {
				return &url.Error{Op: "Get", URL: "https://m", Err: context.DeadlineExceeded}
			}
			return c.Get(ctx, key, obj, opts...)
		}})
	w.delete(w.plane())
	_, err := w.tryReconcile()
	w.Expect(err).To(HaveOccurred())
	w.Expect(w.condition("Connected")).To(Equal("False PublishFailed"))
	w.Expect(w.apply().DeletionTimestamp).To(BeNil())
	w.reconciler.Live = env.Client
	w.reconcile()
	w.Expect(w.clusters.removed).To(HaveLen(1))
}

func TestAClusterThatCannotBeAskedDoesNotHoldUpTheDeletion(t *testing.T) {
	w := newWith(t, nil, jwt("module", noon, time.Hour))
	w.clusters.token = w.own(noon, 90000*time.Hour)
	w.settle()
	w.clusters.refusal = workload.NewError(workload.ReasonServerUnreachable)
	w.delete(w.plane())
	for range removalTries - 1 {
		w.reconcile()
		w.Expect(w.condition("Connected")).To(Equal("False RemovingAccount"))
	}
	w.reconcile()
	w.Expect(w.condition("Connected")).To(Equal("True AccountNotRemoved"))
	w.reconcile()
	w.Expect(w.has("p", &controlplanev1.CAPTControlPlane{})).To(BeFalse())
}
