package inputs

import (
	"context"
	"errors"
	"testing"

	. "github.com/onsi/gomega"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

func TestReferences(t *testing.T) {
	there := world{"Secret/s": "", "Secret/s/k": "v", "ConfigMap/c": "", "ConfigMap/c/k": "v"}
	for name, tc := range map[string]struct {
		secret, configMap *infrav1.KeyReference
		reason, message   string
	}{
		"no Secret":        {secret: secretKey("x", "k"), reason: ReasonSecretNotFound, message: "env[A].secretKeyRef of WorkspaceTemplate vpc: Secret x does not exist; create it, or name another"},
		"no key":           {secret: secretKey("s", "x"), reason: ReasonSecretKeyNotFound, message: `env[A].secretKeyRef of WorkspaceTemplate vpc: Secret s has no key "x"; add it, or name another`},
		"no ConfigMap":     {configMap: secretKey("x", "k"), reason: ReasonConfigMapNotFound, message: "env[A].configMapKeyRef of WorkspaceTemplate vpc: ConfigMap x does not exist; create it, or name another"},
		"no ConfigMap key": {configMap: secretKey("c", "x"), reason: ReasonConfigMapKeyNotFound, message: `env[A].configMapKeyRef of WorkspaceTemplate vpc: ConfigMap c has no key "x"; add it, or name another`},
		"own namespace":    {secret: &infrav1.KeyReference{Name: "s", Namespace: "team", Key: "k"}},
		"other namespace": {secret: &infrav1.KeyReference{Name: "s", Namespace: "modules", Key: "k"}, reason: ReasonReferenceNotAllowed,
			message: "env[A].secretKeyRef of WorkspaceTemplate vpc names s in namespace modules; only objects in the namespace of the WorkspaceTemplateApply can be used"},
		"no name":      {secret: secretKey("${empty}", "k"), reason: ReasonReferenceInvalid, message: `env[A].secretKeyRef of WorkspaceTemplate vpc is "" after its variables were replaced, which cannot be the name of an object`},
		"invalid name": {secret: secretKey("a_b", "k"), reason: ReasonReferenceInvalid, message: `env[A].secretKeyRef of WorkspaceTemplate vpc is "a_b" after`},
		"nothing":      {reason: ReasonReferenceInvalid, message: "env[A].configMapKeyRef of WorkspaceTemplate vpc is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			given := newGiven(func(s spec) {
				s.apply.Variables = map[string]string{"empty": ""}
				s.Env = []infrav1.EnvVar{{Name: "A", SecretKeyRef: tc.secret, ConfigMapKeyRef: tc.configMap}}
			})
			given.world = there
			if tc.reason == "" {
				g.Expect(given.render(t).Env).To(Equal([]EnvVar{{Name: "A", Value: "v"}}))
				return
			}
			err := given.refused(t)
			g.Expect(err.Reason()).To(Equal(tc.reason))
			g.Expect(err.Error()).To(HavePrefix(tc.message))
		})
	}
}

type broken struct{ error }

func (b broken) SecretKey(context.Context, string, string) ([]byte, error)    { return nil, b.error }
func (b broken) ConfigMapKey(context.Context, string, string) ([]byte, error) { return nil, b.error }

// Such an error passes by itself, so it must not look like one of ours.
func TestOtherErrorsOfALookup(t *testing.T) {
	g := NewWithT(t)
	given := newGiven(func(s spec) { s.Env = []infrav1.EnvVar{{Name: "A", SecretKeyRef: secretKey("s", "k")}} })
	cause := errors.New("the API server is away")
	_, err := Render(context.Background(), given.Source, broken{cause})
	g.Expect(err).To(MatchError(cause))
	g.Expect(err).To(MatchError("env[A].secretKeyRef of WorkspaceTemplate vpc: the API server is away"))
	g.Expect(errors.As(err, new(*Error))).To(BeFalse())
}

func TestConnectionSecretName(t *testing.T) {
	ref := func(name, namespace string) *infrav1.LocalReference {
		return &infrav1.LocalReference{Name: name, Namespace: namespace}
	}
	for name, tc := range map[string]struct {
		apply, template       *infrav1.LocalReference
		want, reason, message string
	}{
		"none":               {},
		"of the apply":       {apply: ref("a", "team"), template: ref("t", ""), want: "a"},
		"of the template":    {template: ref("${WORKSPACE_NAME}-${x}-conn", "team"), want: "blue-red-conn"},
		"apply, substituted": {apply: ref("${x}", ""), want: "red"},
		"other namespace": {apply: ref("a", "modules"), reason: ReasonReferenceNotAllowed,
			message: "spec.writeConnectionSecretToRef names a in namespace modules"},
		"other namespace in the template": {template: ref("a", "modules"), reason: ReasonReferenceNotAllowed,
			message: "spec.writeConnectionSecretToRef of WorkspaceTemplate vpc names a in namespace modules"},
		"unknown variable": {template: ref("${y}", ""), reason: ReasonUnknownVariable, message: "spec.writeConnectionSecretToRef of WorkspaceTemplate vpc uses ${y}"},
		"invalid name":     {template: ref("A", ""), reason: ReasonReferenceInvalid, message: `spec.writeConnectionSecretToRef of WorkspaceTemplate vpc is "A"`},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			given := newGiven(func(s spec) { s.apply.Variables = map[string]string{"x": "red"} })
			given.Apply.Spec.WriteConnectionSecretToRef = tc.apply
			given.Template.Spec.WriteConnectionSecretToRef = tc.template
			got, err := ConnectionSecretName(given.Source)
			g.Expect(got).To(Equal(tc.want))
			if tc.reason == "" {
				g.Expect(err).NotTo(HaveOccurred())
				return
			}
			var refused *Error
			g.Expect(errors.As(err, &refused)).To(BeTrue())
			g.Expect(refused.Reason()).To(Equal(tc.reason))
			g.Expect(refused.Error()).To(HavePrefix(tc.message))
		})
	}
}
