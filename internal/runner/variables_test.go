package runner

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/captproject/capt/internal/inputs"
	"github.com/captproject/capt/internal/tofu"
)

func TestRenderVariables(t *testing.T) {
	declared := map[string]declaration{"s": {literal: true}, "l": {}}
	for _, tc := range []struct {
		name     string
		variable inputs.Variable
		want     string
		fails    string
	}{
		{"a text is taken literally", inputs.Variable{Name: "s", Text: text(`["${x}"]`)}, `{"s":"[\"${x}\"]"}`, ""},
		{"a text that looks like a number too", inputs.Variable{Name: "s", Text: text("007")}, `{"s":"007"}`, ""},
		{"an empty text", inputs.Variable{Name: "s", Text: text("")}, `{"s":""}`, ""},
		{"an expression for another type", inputs.Variable{Name: "l", Text: text(`[1, "a", null, { b = true }]`)}, `{"l":[1,"a",null,{"b":true}]}`, ""},
		{"null", inputs.Variable{Name: "l", Text: text("null")}, `{"l":null}`, ""},
		{"typed JSON stays", inputs.Variable{Name: "s", Value: []byte(`"${x}"`)}, `{"s":"${x}"}`, ""},
		{"typed JSON that is not declared is for OpenTofu to warn about", inputs.Variable{Name: "x", Value: []byte(`1`)}, `{"x":1}`, ""},
		{"an optional one that is declared", inputs.Variable{Name: "s", Text: text("a"), Optional: true}, `{"s":"a"}`, ""},
		{"an optional one that is not", inputs.Variable{Name: "x", Text: text("a"), Optional: true}, `{}`, ""},
		{"a text that is not declared", inputs.Variable{Name: "x", Text: text("a")}, "", `VariableInvalid: a value is given for variable "x", which the module does not declare (it declares l, s)`},
		{"no expression", inputs.Variable{Name: "l", Text: text("secret, value")}, "", `VariableInvalid: the value of variable "l" is not a constant HCL expression`},
		{"an expression that is not constant", inputs.Variable{Name: "l", Text: text("[local.x]")}, "", `(Variables not allowed at line 1)`},
		{"a function", inputs.Variable{Name: "l", Text: text("tolist([])")}, "", `(Function calls not allowed at line 1)`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			got, err := renderVariables([]inputs.Variable{tc.variable}, declared)
			if tc.fails != "" {
				g.Expect(err).To(MatchError(ContainSubstring(tc.fails)))
				g.Expect(err.Error()).NotTo(ContainSubstring("secret"))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(got).To(MatchJSON(tc.want))
		})
	}
}

func module(t *testing.T, files map[string]string) string {
	t.Helper()
	return remote(t, files).Module.Content
}

func TestDeclarations(t *testing.T) {
	g := NewWithT(t)
	declared, broken, err := declarations(module(t, map[string]string{
		"types.tf": `
variable "none" {}
variable "string" { type = string }
variable "number" { type = number }
variable "bool" { type = bool }
variable "any" { type = any }
variable "list" { type = list }
variable "typedList" { type = list(string) }
variable "object" { type = object({ a = optional(string) }) }
variable "misspelt" { type = strnig }
`,
		"in_json.tf.json":       `{"variable":{"jsonString":{"type":"string"},"jsonMap":{"type":"map(string)"},"jsonNone":{}}}`,
		"shadowed.tf":           `variable "shadowed" {}`,
		"shadowed.tofu":         `variable "instead" {}`,
		"override.tf":           `variable "none" { type = list(string) }`,
		"more_override.tf":      `variable "string" { default = "x" }`,
		".hidden.tf":            `variable "hidden" {}`,
		"backup.tf~":            `variable "backup" {}`,
		"tests.tftest.hcl":      `variable "test" {}`,
		"sub/deeper.tf":         `variable "deeper" {}`,
		"directory.tf/inner.md": ``,
	}))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(broken).To(BeEmpty())
	literal, expression := declaration{literal: true}, declaration{}
	g.Expect(declared).To(Equal(map[string]declaration{
		"none": expression, "string": literal, "number": literal, "bool": literal, "any": expression,
		"list": expression, "typedList": expression, "object": expression, "misspelt": literal,
		"jsonString": literal, "jsonMap": expression, "jsonNone": literal, "instead": literal,
	}))
}

func TestDeclarationsOfBrokenFiles(t *testing.T) {
	g := NewWithT(t)
	declared, broken, err := declarations(module(t, map[string]string{
		"good.tf":     `variable "good" {}`,
		"bad.tf":      "variable \"x\" {\n  type = \n}\n",
		"bad.tf.json": `{`,
	}))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(declared).To(HaveKey("good"))
	g.Expect(tofu.Errors(broken)).To(ContainElements(
		HaveField("Range", Equal(&tofu.Range{Filename: "bad.tf", Start: tofu.Position{Line: 2}})),
		HaveField("Range.Filename", "bad.tf.json"),
	))
}

func TestStateOnDisk(t *testing.T) {
	g := NewWithT(t)
	dir := module(t, map[string]string{
		"unsaved.tfstate": "1", "work/live/errored.tfstate": "2",
		"work/.terraform/errored.tfstate": "a module's", "home/errored.tfstate": "", "work/terraform.tfstate": "", "work/unsaved.tfstate": "",
	})
	g.Expect(StateOnDisk(dir)).To(ConsistOf(filepath.Join(dir, "unsaved.tfstate"), filepath.Join(dir, "work/live/errored.tfstate")))
	g.Expect(StateOnDisk(filepath.Join(dir, "nothing"))).To(BeEmpty())
}

func TestResultThatIsNotThereYet(t *testing.T) {
	g := NewWithT(t)
	_, err := ReadResult(t.TempDir())
	g.Expect(err).To(MatchError(os.ErrNotExist))
}
