package inputs

import (
	"context"
	"encoding/json"
	"testing"

	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// world is a Lookup: "Secret/name/key" and "ConfigMap/name/key" to content.
type world map[string]string

func (w world) SecretKey(_ context.Context, name, key string) ([]byte, error) {
	return w.find("Secret", name, key, SecretNotFound(name), SecretKeyNotFound(name, key))
}

func (w world) ConfigMapKey(_ context.Context, name, key string) ([]byte, error) {
	return w.find("ConfigMap", name, key, ConfigMapNotFound(name), ConfigMapKeyNotFound(name, key))
}

func (w world) find(kind, name, key string, noObject, noKey error) ([]byte, error) {
	if content, ok := w[kind+"/"+name+"/"+key]; ok {
		return []byte(content), nil
	}
	if _, ok := w[kind+"/"+name]; ok {
		return nil, noKey
	}
	return nil, noObject
}

// given is a source with a minimal module, and the world around it.
type given struct {
	Source
	world world
}

// spec is what most tests change of it.
type spec struct {
	*infrav1.ModuleSpec
	apply *infrav1.WorkspaceTemplateApplySpec
}

func newGiven(edit func(s spec)) given {
	template := &infrav1.WorkspaceTemplate{ObjectMeta: metav1.ObjectMeta{Name: "vpc", Namespace: "modules"}}
	apply := &infrav1.WorkspaceTemplateApply{ObjectMeta: metav1.ObjectMeta{Name: "blue", Namespace: "team"}}
	module := &template.Spec.Template.Spec.ForProvider
	module.Source, module.Module = infrav1.ModuleSourceInline, "# nothing"
	if edit != nil {
		edit(spec{module, &apply.Spec})
	}
	return given{Source: Source{Template: template, Apply: apply}, world: world{}}
}

func (s given) render(t *testing.T) *Inputs {
	t.Helper()
	in, err := Render(context.Background(), s.Source, s.world)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return in
}

// refused renders what cannot be, and returns why.
func (s given) refused(t *testing.T) *Error {
	t.Helper()
	g := NewWithT(t)
	in, err := Render(context.Background(), s.Source, s.world)
	g.Expect(in).To(BeNil())
	g.Expect(err).To(BeAssignableToTypeOf(&Error{}))
	return err.(*Error)
}

func text(s string) *string { return &s }

func typed(s string) apiextensionsv1.JSON { return apiextensionsv1.JSON{Raw: []byte(s)} }

func output(s string) Output { return Output{Value: json.RawMessage(s)} }

func secretKey(name, key string) *infrav1.KeyReference {
	return &infrav1.KeyReference{Name: name, Key: key}
}
