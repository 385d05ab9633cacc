package inputs

import (
	"errors"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

func TestSubstitution(t *testing.T) {
	g := NewWithT(t)
	apply := &infrav1.WorkspaceTemplateApply{Spec: infrav1.WorkspaceTemplateApplySpec{
		Variables: map[string]string{"name": "blue", "empty": "", "nested": "${name}", "both": "text", "WORKSPACE_NAME": "mine", "a.b c": "odd", "list": "text"},
		Values: map[string]apiextensionsv1.JSON{
			"count": typed("3"), "big": typed("12345678901234567890.10"), "on": typed("true"), "word": typed(`"w"`),
			"list": typed("[1]"), "both": typed("7"), "null": {}, "WORKSPACE_NAME": typed("[]"),
		},
	}}
	apply.Name = "green"
	substitutes, err := newSubstitutes(apply)
	g.Expect(err).NotTo(HaveOccurred())

	for given, want := range map[string]string{
		"":                      "",
		"plain $ text } $1":     "plain $ text } $1",
		"${name}":               "blue",
		"a-${name}-${name}-z":   "a-blue-blue-z",
		"${empty}":              "",
		"${nested}":             "${name}",
		"${WORKSPACE_NAME}-vpc": "green-vpc",
		"${count}${on}${word}":  "3truew",
		"${big}":                "12345678901234567890.10",
		"${both}":               "7",
		"${a.b c}":              "odd",
		"$${name}":              "${name}",
		"$${name} ${name}":      "${name} blue",
		"$$${name}":             "$${name}",
		"$$":                    "$$",
		"$${":                   "${",
		"${name}}":              "blue}",
		"{${name}":              "{blue",
	} {
		got, err := substitutes.in("here", given)
		g.Expect(err).NotTo(HaveOccurred(), given)
		g.Expect(got).To(Equal(want), given)
	}

	for given, want := range map[string]string{
		"${missing}": "UnknownVariable here uses ${missing}, which is no variable of the WorkspaceTemplateApply (it has WORKSPACE_NAME, a.b c, big, both, count, empty, name, nested, on, word); add it to spec.variables, or write $${missing} for the characters themselves",
		"${}":        "UnknownVariable here uses ${}, which",
		"${Name}":    "UnknownVariable here uses ${Name}, which",
		"${ name }":  "UnknownVariable here uses ${ name }, which",
		"${list}":    "VariableInvalid here uses ${list}, which is no string, number or bool",
		"${null}":    "VariableInvalid here uses ${null}, which is no string, number or bool",
		"${name":     "VariableInvalid here holds ${ without a closing }",
		"${name} ${": "VariableInvalid here holds ${ without a closing }",
	} {
		_, err := substitutes.in("here", given)
		var refused *Error
		g.Expect(errors.As(err, &refused)).To(BeTrue(), given)
		g.Expect(refused.Reason()+" "+refused.Error()).To(HavePrefix(want), given)
	}
}

// The names of Secrets that CAPT 0.3 made have no trailing -apply.
func TestWorkspaceNameIsThatOfCAPT03(t *testing.T) {
	g := NewWithT(t)
	for name, want := range map[string]string{"demo": "demo", "demo-apply": "demo", "apply": "apply", "apply-demo": "apply-demo"} {
		apply := &infrav1.WorkspaceTemplateApply{}
		apply.Name = name
		substitutes, err := newSubstitutes(apply)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(substitutes.in("here", "${WORKSPACE_NAME}")).To(Equal(want))
	}
}

func TestSubstitutionInEveryPlaceAndNoOther(t *testing.T) {
	g := NewWithT(t)
	given := newGiven(func(s spec) {
		s.apply.Variables = map[string]string{"x": "blue"}
		s.Module, s.Configuration, s.LockFile = "module ${x}", "configuration ${x}", "lock ${x}"
		s.Vars = []infrav1.Var{{Key: "v", Value: text("vars ${x}")}}
		s.Varmap = map[string]apiextensionsv1.JSON{"m": typed(`{"${x}":["varmap ${x}",1,null,true,{"b":"$${x}"}]}`)}
		s.Env = []infrav1.EnvVar{
			{Name: "A", Value: text("env ${x}")},
			{Name: "B", SecretKeyRef: secretKey("s-${x}", "key-${x}")},
		}
		s.VarFiles = []infrav1.VarFile{{Source: infrav1.VarFileConfigMapKey, ConfigMapKeyRef: secretKey("c-${x}", "vars")}}
		s.Files = []infrav1.File{{Path: "f-${x}", SecretKeyRef: secretKey("s-${x}", "file")}}
		s.InitArgs = []string{"-var", "i=${x}"}
		s.PlanArgs = []string{"-target=${x}.y"}
	})
	given.world = world{
		"Secret/s-blue/key-${x}":  "content ${x}",
		"Secret/s-blue/file":      "file ${x}",
		"ConfigMap/c-blue/vars":   `a = "$${x}"`,
		"ConfigMap/c-${x}/vars":   "wrong",
		"Secret/s-blue/key-blue":  "wrong",
		"Secret/s-${x}/key-${x}":  "wrong",
		"Secret/s-${x}/key-blue":  "wrong",
		"Secret/s-${x}/file":      "wrong",
		"ConfigMap/c-blue/unused": "wrong",
	}
	in := given.render(t)
	g.Expect(in.Module).To(Equal(Module{Source: "Inline", Content: "module ${x}", Format: "HCL", Configuration: "configuration ${x}", LockFile: "lock ${x}"}))
	g.Expect(in.Env).To(Equal([]EnvVar{{Name: "A", Value: "env blue"}, {Name: "B", Value: "content ${x}"}}))
	g.Expect(in.VarFiles).To(Equal([]VarFile{{Format: "HCL", Content: `a = "$${x}"`}}))
	g.Expect(in.Files).To(Equal([]File{{Path: "f-${x}", Content: []byte("file ${x}")}}))
	g.Expect(in.Args).To(Equal(Args{Init: []string{"-var=i=blue"}, Plan: []string{"-target=blue.y"}}))
	g.Expect(in.Variables).To(HaveLen(3))
	g.Expect(string(in.Variables[0].Value)).To(Equal(`{"${x}":["varmap blue",1,null,true,{"b":"${x}"}]}`))
	g.Expect(in.Variables[1]).To(Equal(Variable{Name: "v", Text: text("vars blue")}))
	g.Expect(in.Variables[2]).To(Equal(Variable{Name: "x", Text: text("blue"), Optional: true}))
}

func FuzzSubstitute(f *testing.F) {
	for _, seed := range []string{"", "$", "${", "${}", "$${", "${a}", "$$${a}$", "a${b}c$${d}e", "${a${b}}"} {
		f.Add(seed, "value")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		var names []string
		got, err := substitute(text, func(name string) (string, error) {
			names = append(names, name)
			return value, nil
		})
		if !strings.Contains(text, "$") && (err != nil || got != text) {
			t.Errorf("%q became %q, %v", text, got, err)
		}
		for _, name := range names {
			if strings.Contains(name, "}") || !strings.Contains(text, "${"+name+"}") {
				t.Errorf("%q does not use %q", text, name)
			}
		}
		// Escaping every reference takes substitution back.
		escaped, err := substitute(strings.ReplaceAll(text, "${", "$${"), func(name string) (string, error) {
			return "", errors.New(name + " was asked for")
		})
		if err != nil {
			t.Errorf("escaped %q: %v", text, err)
		}
		if !strings.Contains(text, "$$") && escaped != text {
			t.Errorf("escaped %q became %q", text, escaped)
		}
	})
}
