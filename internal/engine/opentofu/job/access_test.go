package job

import (
	"testing"

	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine/opentofu"
	"github.com/captproject/capt/internal/runner"
	"github.com/captproject/capt/internal/tfstate"
)

// With its own token, the pod of one workspace cannot read what is another's, nor
// look around, nor make anything.
func TestARunnerHasWhatIsItsOwnAndNothingElse(t *testing.T) {
	w := newWorld(t, module, nil)
	w.ensure()
	other := *w
	other.run = w.newRun("other", module, nil)
	other.ensure()
	own := w.client(w.accountConfig(accessName("w")))
	ctx := t.Context()
	secret := func(name string) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}}
	}
	lease := func(workspace string) *coordinationv1.Lease {
		return &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: tfstate.LeaseName(tfstate.Suffix(w.namespace, workspace))}}
	}
	state := func(workspace string) string { return tfstate.SecretName(tfstate.Suffix(w.namespace, workspace)) }
	get := func(object client.Object) error { return own.Get(ctx, client.ObjectKeyFromObject(object), object) }
	refuse := func(err error) {
		t.Helper()
		w.Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
	}

	w.Expect(get(secret("w-inputs"))).To(Succeed())
	refuse(own.Update(ctx, secret("w-inputs")))
	for _, written := range []client.Object{secret(state("w")), secret(runner.OutputsName("w")), lease("w")} {
		w.Expect(get(written)).To(Succeed())
		w.Expect(own.Update(ctx, written)).To(Succeed())
		refuse(own.Delete(ctx, written))
	}
	for _, foreign := range []client.Object{
		secret("other-inputs"), secret(state("other")), secret(runner.OutputsName("other")), lease("other"), secret("w-kubeconfig"),
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "kube-root-ca.crt"}},
		&infrav1.WorkspaceRun{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "w-1"}},
	} {
		refuse(get(foreign))
		refuse(own.Update(ctx, foreign))
	}
	for _, list := range []client.ObjectList{&corev1.SecretList{}, &coordinationv1.LeaseList{}, &corev1.PodList{}, &corev1.ConfigMapList{}} {
		refuse(own.List(ctx, list, client.InNamespace(w.namespace)))
	}
	refuse(own.Create(ctx, secret("new")))
	refuse(own.Create(ctx, &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "new"}}))
}

func TestAccessGoesWithTheWorkspace(t *testing.T) {
	w := newWorld(t, module, &infrav1.RunnerSpec{ServiceAccountAnnotations: map[string]string{"role": "a"}})
	w.ensure()
	account := &corev1.ServiceAccount{}
	for _, object := range []client.Object{account, &rbacv1.Role{}, &rbacv1.RoleBinding{}} {
		w.get(accessName("w"), object)
		w.Expect(object.GetOwnerReferences()).To(Equal(w.run.OwnerReferences))
	}
	w.Expect(account.Annotations).To(Equal(map[string]string{"role": "a"}))
	for _, object := range []client.Object{&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: tfstate.SecretName(w.suffix())}}, &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: tfstate.LeaseName(w.suffix())}}} {
		w.get(object.GetName(), object)
		w.Expect(object.GetOwnerReferences()).To(BeEmpty(), "a state must not go with its owner")
	}
}

// The next run may read its inputs and no longer those of the last one; what the
// template does not say any more is taken back, what others have added stays.
func TestAccessFollowsTheRun(t *testing.T) {
	w := newWorld(t, module, &infrav1.RunnerSpec{ServiceAccountAnnotations: map[string]string{"role": "a"}})
	w.ensure()
	account := &corev1.ServiceAccount{}
	w.get(accessName("w"), account)
	account.Annotations["others"] = "x"
	w.Expect(env.Client.Update(t.Context(), account)).To(Succeed())

	run := w.run.DeepCopy()
	run.Spec.InputsRef.Name = "w-inputs-2"
	w.Expect(w.executor.grant(t.Context(), run, infrav1.RunnerSpec{})).To(Succeed())
	w.get(accessName("w"), account)
	w.Expect(account.Annotations).To(Equal(map[string]string{"others": "x"}))
	role := &rbacv1.Role{}
	w.get(accessName("w"), role)
	w.Expect(role.Rules[0].ResourceNames).To(Equal([]string{"w-inputs-2"}))
}

// An account that somebody else has made may have rights that no module must get.
func TestAnAccountOfSomebodyElseIsNotUsed(t *testing.T) {
	w := newWorld(t, module, nil)
	w.create(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: accessName("w")}})
	_, err := w.executor.Ensure(t.Context(), w.run)
	w.Expect(err).To(MatchError(ContainSubstring("there is a *v1.ServiceAccount w-runner already, which is not of WorkspaceTemplateApply w; delete it")))
}

// What a runner has written is not overwritten before the next run.
func TestWhatThereIsStays(t *testing.T) {
	w := newWorld(t, module, nil)
	state := tfstate.NewSecret(w.namespace, w.suffix(), nil)
	w.Expect(tfstate.Encode(state, []byte("{}"), tfstate.GroupA)).To(BeEmpty())
	w.create(state)
	w.ensure()
	w.get(state.Name, state)
	w.Expect(tfstate.Decode(state)).To(Equal([]byte("{}")))
}

// The runner, and so the module, would get the right to read them.
func TestNoRunnerGetsASecretOfSomebodyElse(t *testing.T) {
	for _, name := range []string{runner.OutputsName("w"), runner.ReportsName("w")} {
		w := newWorld(t, module, nil)
		w.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}})
		execution := w.ensure()
		w.Expect(execution.State).To(Equal(opentofu.ExecutionEnded))
		w.Expect(execution.Result.Reason).To(Equal(runner.ReasonSecretNotOurs))
		w.Expect(execution.Result.Message).To(Equal("Secret " + name + " exists and is not of WorkspaceTemplateApply w; rename or delete it"))
		err := env.Client.Get(t.Context(), client.ObjectKey{Namespace: w.namespace, Name: accessName("w")}, &rbacv1.Role{})
		w.Expect(apierrors.IsNotFound(err)).To(BeTrue())
	}
}
