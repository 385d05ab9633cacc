package workspace

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/cluster-api/util/conditions"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine"
)

const resolved = "True/InputsResolved"

// expectInputs reconciles, and checks how resolving went and that the engine was
// asked only if it went well.
func (w *world) expectInputs(condition string) {
	w.t.Helper()
	w.engine.observation = engine.Observation{State: engine.Running, Run: "w-1"}
	w.engine.questions()
	w.Expect(w.reconcile()).To(BeZero(), "nothing is asked for again and again")
	w.Expect(w.conditions()).To(HaveKeyWithValue("InputsResolved", condition), w.message("InputsResolved"))
	if condition == resolved {
		w.Expect(w.engine.questions()).To(Equal([]string{"apply"}))
		return
	}
	w.Expect(w.engine.questions()).To(BeEmpty())
	w.Expect(w.conditions()).To(HaveKeyWithValue("Ready", "False/NotReady"))
}

func TestATemplateIsAwaited(t *testing.T) {
	w := newWorld(t, nil)
	w.expectInputs("False/TemplateNotFound")
	w.Expect(w.message("InputsResolved")).To(ContainSubstring(w.namespace + "/t does not exist; create it"))
	w.template(nil)
	w.expectInputs(resolved)
}

func TestATemplateOfAnotherNamespaceMustAllowIt(t *testing.T) {
	const name = corev1.LabelMetadataName
	tests := map[string]struct {
		allowed func(namespace string) infrav1.AllowedNamespaces
		want    string
	}{
		"by default": {
			func(string) infrav1.AllowedNamespaces { return infrav1.AllowedNamespaces{} }, "False/TemplateNotAllowed"},
		"another name": {
			func(string) infrav1.AllowedNamespaces { return infrav1.AllowedNamespaces{Names: []string{"other"}} }, "False/TemplateNotAllowed"},
		"by name": {
			func(ns string) infrav1.AllowedNamespaces {
				return infrav1.AllowedNamespaces{Names: []string{"other", ns}}
			}, resolved},
		"another label": {
			func(string) infrav1.AllowedNamespaces {
				return infrav1.AllowedNamespaces{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{name: "other"}}}
			}, "False/TemplateNotAllowed"},
		"by label": {
			func(ns string) infrav1.AllowedNamespaces {
				return infrav1.AllowedNamespaces{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{name: ns}}}
			}, resolved},
		"all": {
			func(string) infrav1.AllowedNamespaces {
				return infrav1.AllowedNamespaces{Selector: &metav1.LabelSelector{}}
			}, resolved},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			elsewhere := env.Namespace(t)
			w := newWorld(t, func(workspace *infrav1.WorkspaceTemplateApply) { workspace.Spec.TemplateRef.Namespace = elsewhere })
			template := newTemplate(elsewhere)
			template.Spec.AllowedNamespaces = tt.allowed(w.namespace)
			w.create(template)
			w.expectInputs(tt.want)
		})
	}
}

func TestSecretsAreAwaited(t *testing.T) {
	w := newWorld(t, func(workspace *infrav1.WorkspaceTemplateApply) {
		workspace.Spec.WaitForSecrets = []infrav1.LocalReference{{Name: "first"}}
	})
	w.template(nil)
	w.expectInputs("False/WaitingForSecret")
	w.create(w.secret("first", nil))
	w.expectInputs(resolved)
	w.change(func(workspace *infrav1.WorkspaceTemplateApply) { workspace.Spec.WaitForSecrets[0].Namespace = "other" })
	w.expectInputs("False/ReferenceNotAllowed")
}

func TestOtherWorkspacesAreAwaited(t *testing.T) {
	w := newWorld(t, func(workspace *infrav1.WorkspaceTemplateApply) {
		workspace.Spec.WaitForWorkspaces = []infrav1.LocalReference{{Name: "first"}}
	})
	w.template(nil)
	w.expectInputs("False/WaitingForWorkspace")
	first := newWorkspace(w.namespace, "first")
	w.create(first)
	w.expectInputs("False/WaitingForWorkspace")
	w.ready(first, "")
	w.expectInputs(resolved)
}

// ready has another workspace be so, with outputs if they are not "".
func (w *world) ready(workspace *infrav1.WorkspaceTemplateApply, outputs string) {
	conditions.Set(workspace, metav1.Condition{Type: infrav1.ReadyCondition, Status: metav1.ConditionTrue, Reason: "Ready"})
	if outputs != "" {
		workspace.Status.OutputsSecretName = workspace.Name + "-outputs"
		w.create(w.secret(workspace.Status.OutputsSecretName, map[string]string{"outputs.json": outputs}))
	}
	w.Expect(env.Client.Status().Update(w.t.Context(), workspace)).To(Succeed())
}

func TestOutputsOfOthersAreInputs(t *testing.T) {
	w := newWorld(t, func(workspace *infrav1.WorkspaceTemplateApply) {
		workspace.Spec.VariablesFrom = []infrav1.VariablesSource{{ApplyRef: "first"}, {ApplyRef: "second"}}
	})
	w.template(nil)
	for name, outputs := range map[string]string{
		"first":  `{"vpc_id":{"sensitive":false,"type":"string","value":"v"},"both":{"sensitive":false,"type":"string","value":"first"}}`,
		"second": `{"password":{"sensitive":true,"type":"string","value":"hush-hush"},"both":{"sensitive":false,"type":"string","value":"second"}}`,
	} {
		other := newWorkspace(w.namespace, name)
		w.create(other)
		w.expectInputs("False/WaitingForWorkspace")
		w.ready(other, outputs)
	}
	w.expectInputs(resolved)
	values := map[string]string{}
	for _, variable := range w.inputs().Variables {
		values[variable.Name] = string(variable.Value)
		w.Expect(variable.Optional).To(BeTrue(), "only if the module declares it")
	}
	w.Expect(values).To(Equal(map[string]string{"vpc_id": `"v"`, "both": `"second"`, "password": `"hush-hush"`}))
	w.Expect(w.inputs().Secrets).To(Equal([]string{"hush-hush"}))
}

func TestAChangeOfAnythingChangesTheInputs(t *testing.T) {
	w := newWorld(t, nil)
	template := w.template(func(spec *infrav1.WorkspaceTemplateSpec) {
		spec.Template.Spec.ForProvider.Env = []infrav1.EnvVar{
			{Name: "TOKEN", SecretKeyRef: &infrav1.KeyReference{Name: "token", Key: "k"}},
			{Name: "REGION", ConfigMapKeyRef: &infrav1.KeyReference{Name: "region", Key: "k"}},
		}
	})
	w.expectInputs("False/SecretNotFound")
	w.create(w.secret("token", map[string]string{"other": "x"}))
	w.expectInputs("False/SecretKeyNotFound")
	w.update(w.secret("token", map[string]string{"k": "hush-hush"}))
	w.expectInputs("False/ConfigMapNotFound")
	region := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "region"}}
	w.create(region)
	w.expectInputs("False/ConfigMapKeyNotFound")
	region.Data = map[string]string{"k": "north"}
	w.update(region)
	w.expectInputs(resolved)

	digests := map[string]bool{w.engine.inputs.Digest: true}
	for i, change := range []func(){
		func() { w.update(w.secret("token", map[string]string{"k": "hush-hush-2"})) },
		func() { region.Data["k"] = "south"; w.update(region) },
		func() { template.Spec.Template.Spec.ForProvider.Module = "# other"; w.update(template) },
		func() {
			w.change(func(workspace *infrav1.WorkspaceTemplateApply) {
				workspace.Spec.Variables = map[string]string{"a": "b"}
			})
		},
	} {
		w.expectInputs(resolved)
		w.Expect(digests).To(HaveKey(w.engine.inputs.Digest), "the same again before change %d", i)
		change()
		w.expectInputs(resolved)
		w.Expect(digests).NotTo(HaveKey(w.engine.inputs.Digest), "change %d", i)
		digests[w.engine.inputs.Digest] = true
	}
}

func TestBadInputsHaveAReason(t *testing.T) {
	for reason, change := range map[string]func(*infrav1.ModuleSpec){
		"UnknownVariable": func(module *infrav1.ModuleSpec) {
			module.Env = []infrav1.EnvVar{{Name: "A", Value: ptr.To("${unknown}")}}
		},
		"ArgumentRefused": func(module *infrav1.ModuleSpec) { module.PlanArgs = []string{"-lock=false"} },
	} {
		t.Run(reason, func(t *testing.T) {
			w := newWorld(t, nil)
			template := w.template(func(spec *infrav1.WorkspaceTemplateSpec) { change(&spec.Template.Spec.ForProvider) })
			w.expectInputs("False/" + reason)
			template.Spec = newTemplate("").Spec
			w.update(template)
			w.expectInputs(resolved)
		})
	}
}
