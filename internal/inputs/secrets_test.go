package inputs

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

func TestWhatIsHidden(t *testing.T) {
	for name, tc := range map[string]struct {
		text       string
		hidden     []string
		alsoHidden []string
		shown      []string
	}{
		"a word":              {text: "secret", hidden: []string{"secret"}},
		"white space around":  {text: " secret\n", hidden: []string{"secret"}},
		"too short":           {text: "short"},
		"nothing":             {text: "\n"},
		"a connection string": {text: "password=hunter22", hidden: []string{"hunter22", "password=hunter22"}},
		"INI": {
			text:   "[default]\naws_access_key_id = AKIA0123\naws_secret_access_key=abc/def+ghi=\nregion = eu\n",
			hidden: []string{"AKIA0123", "[default]", "abc/def+ghi=", "aws_access_key_id = AKIA0123", "aws_secret_access_key=abc/def+ghi=", "region = eu"},
		},
		"YAML": {
			text:       "users:\n- name: admin\n  user:\n    token: \"abc.def.ghi\"\nkind: Config\n",
			alsoHidden: []string{"abc.def.ghi"},
			shown:      []string{"admin", "Config", "users:", "user:"},
		},
		"JSON": {
			text:       `{"type": "key", "private_key": "line-one\nline-two\"quoted", "id": 1234567, "port": 8080, "list": ["element-1", {"deep": "element-2"}]}`,
			alsoHidden: []string{"line-one", `line-two"quoted`, "1234567", "element-1", "element-2"},
			shown:      []string{"key", "8080", "private_key"},
		},
		"JSON in JSON": {text: `["{\"a\":\"inner-secret\"}"]`, alsoHidden: []string{"inner-secret"}},
		"PEM": {
			text:   "-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY-----\n",
			hidden: []string{"MIIEvQIBADANBg", "kqhkiG9w0BAQEF"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			found := secrets{}
			found.add(tc.text)
			if tc.alsoHidden == nil {
				g.Expect(found.list()).To(Equal(tc.hidden))
			}
			g.Expect(found.list()).To(ContainElements(tc.alsoHidden))
			for _, shown := range tc.shown {
				g.Expect(found.list()).NotTo(ContainElement(shown))
			}
		})
	}
}

func TestSecretsAreThoseOfSecretsAndSensitiveOutputs(t *testing.T) {
	g := NewWithT(t)
	given := newGiven(func(s spec) {
		s.Vars = []infrav1.Var{{Key: "v", Value: text("shown-var")}, {Key: "mapped", Value: text("shown-too")}}
		s.apply.Variables = map[string]string{"x": "shown-variable"}
		s.Env = []infrav1.EnvVar{{Name: "A", ConfigMapKeyRef: secretKey("c", "k")}, {Name: "B", SecretKeyRef: secretKey("s", "k")}, {Name: "C", SecretKeyRef: secretKey("s", "k")}}
	})
	given.world = world{"ConfigMap/c/k": "shown-config", "Secret/s/k": "hidden-env"}
	given.Outputs = map[string]Output{
		"open":   output(`"shown-output"`),
		"secret": {Value: []byte(`{"a":["hidden-output",{"b":7654321}],"c":"short"}`), Sensitive: true},
		"mapped": {Value: []byte(`"not passed"`), Sensitive: true},
	}
	g.Expect(given.render(t).Secrets).To(Equal([]string{"7654321", "hidden-env", "hidden-output"}))
}

// Whatever is wrong, no message may hold what a Secret or an output holds.
func TestNoMessageHoldsASecret(t *testing.T) {
	const hidden = "hidden-value"
	for name, given := range map[string]given{
		"sensitive output": {Source: newGiven(nil).withOutput(Output{Value: []byte(hidden), Sensitive: true})},
		"var file":         newGiven(func(s spec) { s.VarFiles = []infrav1.VarFile{{SecretKeyRef: secretKey("s", "k")}} }),
	} {
		t.Run(name, func(t *testing.T) {
			given.world = world{"Secret/s/k": hidden}
			NewWithT(t).Expect(strings.Contains(given.refused(t).Error(), hidden)).To(BeFalse())
		})
	}
}

func (s given) withOutput(o Output) Source {
	s.Outputs = map[string]Output{"o": o}
	return s.Source
}
