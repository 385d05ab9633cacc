package contract

import (
	"testing"

	. "github.com/onsi/gomega"
)

func TestDecode(t *testing.T) {
	g := NewWithT(t)
	o, err := Decode([]byte(`{"a":{"sensitive":true,"type":"string","value":"x"},
		"b":{"sensitive":false,"type":["list","number"],"value":[ 1, 2 ]},"n":{"type":"string","value":null}}`))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(o.Names()).To(Equal([]string{"a", "b", "n"}))
	g.Expect(o["a"].Sensitive).To(BeTrue())
	g.Expect(string(o["b"].Value)).To(Equal("[1,2]"))
	g.Expect(o.Values()).To(Equal(map[string][]byte{"a": []byte("x"), "b": []byte("[1,2]")}))

	none, err := Decode([]byte("{}"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(none).To(BeEmpty())
	g.Expect(none.Names()).To(BeEmpty())
}

func TestDecodeRefuses(t *testing.T) {
	for name, document := range map[string]string{
		"nothing":         "",
		"null":            "null",
		"not JSON":        "hush-hush",
		"cut off":         `{"a":{"value":"hush-hush`,
		"a list":          `["hush-hush"]`,
		"no value":        `{"a":{"type":"string"}}`,
		"wrong sensitive": `{"a":{"sensitive":"hush-hush","value":1}}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decode([]byte(document))
			expectError(t, err, ReasonOutputsUnreadable, nil, "tofu output -json", "Apply")
		})
	}
}

func TestPath(t *testing.T) {
	o := outputs(t, map[string]any{
		"plain":  "p",
		"nested": map[string]any{"list": []any{map[string]any{"raw-config": "r"}}, "odd.name": "o", "0": "zero"},
	})
	for path, want := range map[string]string{
		"plain":                      `"p"`,
		"nested.list[0].raw-config":  `"r"`,
		"nested.list.0.raw-config":   `"r"`,
		`nested["odd.name"]`:         `"o"`,
		`nested.0`:                   `"zero"`,
		"nested.list[1].raw-config":  "",
		"nested.list[99999999999]":   "",
		"nested.list.name":           "",
		"plain.more":                 "",
		"nested.list[0].raw-config.": "malformed",
		"nested..list":               "malformed",
		"[0]":                        "malformed",
		"nested[x]":                  "malformed",
		"0nested":                    "malformed",
		"":                           "malformed",
	} {
		t.Run(path, func(t *testing.T) {
			g := NewWithT(t)
			output, steps, ok := parsePath(path)
			g.Expect(ok).To(Equal(want != "malformed"))
			if !ok {
				return
			}
			found, ok := walk(o[output].Value, steps)
			g.Expect(ok).To(Equal(want != ""))
			g.Expect(string(found)).To(Equal(want))
		})
	}
}

func TestTextPaths(t *testing.T) {
	g := NewWithT(t)
	g.Expect(textPaths("o", []byte(`["list",["object",{"raw":"string","n":"number","deep":["tuple",["bool","string"]]}]]`))).
		To(Equal([]string{"o[0].deep[1]", "o[0].raw"}))
	g.Expect(textPaths("o", []byte(`"dynamic"`))).To(BeEmpty())
	g.Expect(textPaths("o", nil)).To(BeEmpty())
}
