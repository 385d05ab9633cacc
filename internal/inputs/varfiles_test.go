package inputs

import (
	"testing"

	. "github.com/onsi/gomega"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

func TestVarFiles(t *testing.T) {
	g := NewWithT(t)
	given := newGiven(func(s spec) {
		s.VarFiles = []infrav1.VarFile{
			{Source: infrav1.VarFileSecretKey, SecretKeyRef: secretKey("s", "hcl")},
			{Source: infrav1.VarFileConfigMapKey, Format: infrav1.FormatHCL, ConfigMapKeyRef: secretKey("c", "hcl")},
			{Source: infrav1.VarFileSecretKey, Format: infrav1.FormatJSON, SecretKeyRef: secretKey("s", "json")},
		}
	})
	const (
		hclSecret  = "vpc_id = \"vpc-0123\"\nsubnets = [\"subnet-a\\tb\", \"x\"]\npin = 1234567\n"
		hclShown   = "# nothing but a remark with an umlaut: ü\nregion = \"eu-central-1\"\n"
		jsonSecret = `{"token": {"value": "hidden-token"}, "on": true, "no": null, "//": "remark"}`
	)
	given.world = world{"Secret/s/hcl": hclSecret, "ConfigMap/c/hcl": hclShown, "Secret/s/json": jsonSecret}
	in := given.render(t)
	g.Expect(in.VarFiles).To(Equal([]VarFile{
		{Format: "HCL", Content: hclSecret}, {Format: "HCL", Content: hclShown}, {Format: "JSON", Content: jsonSecret},
	}))
	g.Expect(in.Secrets).To(ContainElements("vpc-0123", "subnet-a\tb", "1234567", "hidden-token"))
	g.Expect(in.Secrets).NotTo(ContainElement(ContainSubstring("eu-central-1")))
}

func TestVarFilesThatAreRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		format           infrav1.FileFormat
		content, message string
	}{
		"not HCL":         {content: "a = 1\nhidden", message: "no file of variables in HCL (line 2, column 1)"},
		"a block":         {content: "hidden {}", message: "no file of variables in HCL (line 1, column 1)"},
		"a reference":     {content: "a = hidden.b", message: "no file of variables in HCL (line 1, column 5)"},
		"twice":           {content: "hidden = 1\nhidden = 2", message: "no file of variables in HCL (line 2, column 1)"},
		"not JSON":        {format: infrav1.FormatJSON, content: "{\n\"hidden\"}", message: "no file of variables in JSON (line 2, column 9)"},
		"no JSON object":  {format: infrav1.FormatJSON, content: `"hidden"`, message: "no file of variables in JSON (line 1, column 1)"},
		"HCL as JSON":     {format: infrav1.FormatJSON, content: "hidden = 1", message: "no file of variables in JSON (line 1, column 1)"},
		"JSON as HCL":     {content: `{"hidden": 1}`, message: "no file of variables in HCL (line 1, column 1)"},
		"binary":          {content: "\xffhidden", message: "is not text"},
		"a zero byte":     {content: "a = \"\x00hidden\"", message: "is not text"},
		"unclosed string": {content: "a = \"hidden", message: "no file of variables in HCL"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			given := newGiven(func(s spec) {
				s.VarFiles = []infrav1.VarFile{{Source: infrav1.VarFileSecretKey, Format: tc.format, SecretKeyRef: secretKey("s", "k")}}
			})
			given.world = world{"Secret/s/k": tc.content}
			err := given.refused(t)
			g.Expect(err.Reason()).To(Equal(ReasonVariableInvalid))
			g.Expect(err.Error()).To(And(HavePrefix("varFiles[0] of WorkspaceTemplate vpc refers to something that is "), ContainSubstring(tc.message)))
			g.Expect(err.Error()).NotTo(ContainSubstring("hidden"))
		})
	}
}
