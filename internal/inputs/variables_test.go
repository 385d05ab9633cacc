package inputs

import (
	"encoding/json"
	"testing"

	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

func TestVariables(t *testing.T) {
	value := func(name, raw string, optional bool) Variable {
		return Variable{Name: name, Value: json.RawMessage(raw), Optional: optional}
	}
	for name, tc := range map[string]struct {
		edit    func(s spec)
		outputs map[string]Output
		want    []Variable
	}{
		"nothing": {},
		"each source": {
			edit: func(s spec) {
				s.Vars = []infrav1.Var{{Key: "e", Value: text("x")}, {Key: "empty"}}
				s.Varmap = map[string]apiextensionsv1.JSON{"d": typed(`{"b": 1.50, "a": [true, null]}`)}
				s.apply.Values = map[string]apiextensionsv1.JSON{"c": typed(` [ 1 ] `), "nothing": {}}
				s.apply.Variables = map[string]string{"b": "text"}
			},
			outputs: map[string]Output{"a": output(`{"z":1,"y":2}`)},
			want: []Variable{
				value("a", `{"y":2,"z":1}`, true),
				{Name: "b", Text: text("text"), Optional: true},
				value("c", `[1]`, true),
				value("d", `{"a":[true,null],"b":1.50}`, false),
				{Name: "e", Text: text("x")},
				{Name: "empty", Text: text("")},
				value("nothing", `null`, true),
			},
		},
		"the strongest wins": {
			edit: func(s spec) {
				s.Vars = []infrav1.Var{{Key: "v", Value: text("vars")}}
				s.Varmap = map[string]apiextensionsv1.JSON{"v": typed(`"varmap"`), "m": typed(`"varmap"`)}
				s.apply.Values = map[string]apiextensionsv1.JSON{"v": typed(`"values"`), "m": typed(`"values"`), "t": typed(`"values"`)}
				s.apply.Variables = map[string]string{"v": "variables", "m": "variables", "t": "variables", "s": "variables"}
			},
			outputs: map[string]Output{"v": output(`"output"`), "m": output(`"output"`), "t": output(`"output"`), "s": output(`"output"`), "o": output(`"output"`)},
			want: []Variable{
				value("m", `"varmap"`, false),
				value("o", `"output"`, true),
				{Name: "s", Text: text("variables"), Optional: true},
				value("t", `"values"`, true),
				{Name: "v", Text: text("vars")},
			},
		},
		"a template can use what it renames": {
			edit: func(s spec) {
				s.Vars = []infrav1.Var{{Key: "name", Value: text("${name}-vpc")}}
				s.apply.Variables = map[string]string{"name": "blue"}
			},
			want: []Variable{{Name: "name", Text: text("blue-vpc")}},
		},
		"files of variables and TF_VAR_ map as well": {
			edit: func(s spec) {
				s.VarFiles = []infrav1.VarFile{{Source: infrav1.VarFileConfigMapKey, ConfigMapKeyRef: secretKey("files", "hcl")}}
				s.Env = []infrav1.EnvVar{{Name: "TF_VAR_e", Value: text("env")}}
				s.apply.Variables = map[string]string{"f": "x", "e": "x", "other": "x"}
				s.apply.Values = map[string]apiextensionsv1.JSON{"f": typed(`1`), "e": typed("1")}
			},
			outputs: map[string]Output{"f": output("1"), "e": output("1")},
			want:    []Variable{{Name: "other", Text: text("x"), Optional: true}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			edit := tc.edit
			if edit == nil {
				edit = func(spec) {}
			}
			given := newGiven(edit)
			given.Outputs = tc.outputs
			given.world = world{"ConfigMap/files/hcl": "f = 1"}
			NewWithT(t).Expect(given.render(t).Variables).To(Equal(tc.want))
		})
	}
}

func TestVariablesThatAreRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		edit    func(s spec)
		outputs map[string]Output
		message string
	}{
		"vars without a name":   {edit: func(s spec) { s.Vars = []infrav1.Var{{Key: "a b"}} }, message: "vars[a b] of WorkspaceTemplate vpc does not name a variable"},
		"varmap without a name": {edit: func(s spec) { s.Varmap = map[string]apiextensionsv1.JSON{"1a": {}} }, message: "varmap[1a] of WorkspaceTemplate vpc does not name a variable"},
		"varmap":                {edit: func(s spec) { s.Varmap = map[string]apiextensionsv1.JSON{"a": typed("{")} }, message: "varmap[a] of WorkspaceTemplate vpc is not a JSON value"},
		"values":                {edit: func(s spec) { s.apply.Values = map[string]apiextensionsv1.JSON{"a": typed("1 2")} }, message: "spec.values[a] is not a JSON value"},
		"output":                {edit: func(spec) {}, outputs: map[string]Output{"a": output("nonsense")}, message: "output a is not a JSON value"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			given := newGiven(tc.edit)
			given.Outputs = tc.outputs
			err := given.refused(t)
			g.Expect(err.Reason()).To(Equal(ReasonVariableInvalid))
			g.Expect(err.Error()).To(HavePrefix(tc.message))
		})
	}
}

func TestUnknownVariableNamesThePlace(t *testing.T) {
	for place, edit := range map[string]func(s spec){
		"vars[a]":   func(s spec) { s.Vars = []infrav1.Var{{Key: "a", Value: text("${no}")}} },
		"varmap[a]": func(s spec) { s.Varmap = map[string]apiextensionsv1.JSON{"a": typed(`[{"b":"${no}"}]`)} },
		"env[A]":    func(s spec) { s.Env = []infrav1.EnvVar{{Name: "A", Value: text("${no}")}} },
		"env[A].secretKeyRef": func(s spec) {
			s.Env = []infrav1.EnvVar{{Name: "A", SecretKeyRef: secretKey("${no}", "k")}}
		},
		"varFiles[0].configMapKeyRef": func(s spec) {
			s.VarFiles = []infrav1.VarFile{{Source: infrav1.VarFileConfigMapKey, ConfigMapKeyRef: secretKey("${no}", "k")}}
		},
		"files[f].secretKeyRef": func(s spec) {
			s.Files = []infrav1.File{{Path: "f", SecretKeyRef: secretKey("${no}", "k")}}
		},
		"planArgs[1]": func(s spec) { s.PlanArgs = []string{"-refresh=false", "-target=${no}"} },
	} {
		t.Run(place, func(t *testing.T) {
			g := NewWithT(t)
			err := newGiven(edit).refused(t)
			g.Expect(err.Reason()).To(Equal(ReasonUnknownVariable))
			g.Expect(err.Error()).To(HavePrefix(place + " of WorkspaceTemplate vpc uses ${no}, which is no variable of the WorkspaceTemplateApply (it has WORKSPACE_NAME)"))
		})
	}
}
