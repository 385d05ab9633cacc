package contract

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

const kubeconfigYAML = `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://h:6443"}}]
users: [{name: u, user: {token: hush-hush-file}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
`

var (
	certificatePEM = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("hush-hush-certificate")}))
	keyPEM         = string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: []byte("hush-hush-key")}))
)

// aliased has an alias of nothing, by which one sees whether it was parsed.
const aliased = "clusters: [*nothing]\nusers: &a []\n"

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// outputs builds Outputs from plain values the way `tofu output -json` would print them.
func outputs(t *testing.T, values map[string]any) Outputs {
	t.Helper()
	document := map[string]any{}
	for name, value := range values {
		document[name] = map[string]any{"sensitive": false, "type": typeOf(value), "value": value}
	}
	text, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	o, err := Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func typeOf(value any) any {
	switch value := value.(type) {
	case []any:
		return []any{"list", typeOf(value[0])}
	case map[string]any:
		attributes := map[string]any{}
		for name, attribute := range value {
			attributes[name] = typeOf(attribute)
		}
		return []any{"object", attributes}
	case float64, int:
		return "number"
	default:
		return "string"
	}
}

// expectError checks the reason, that the message has all of the words, and that no value of the
// outputs is quoted.
func expectError(t *testing.T, err error, reason string, o Outputs, words ...string) {
	t.Helper()
	g := NewWithT(t)
	var e *Error
	g.Expect(errors.As(err, &e)).To(BeTrue(), "not an *Error: %v", err)
	g.Expect(e.Reason()).To(Equal(reason), e.Error())
	g.Expect(Reasons).To(ContainElement(reason))
	for _, word := range words {
		g.Expect(e.Error()).To(ContainSubstring(word))
	}
	g.Expect(e.Error()).NotTo(ContainSubstring("hush-hush"))
	g.Expect(e.Error()).NotTo(ContainSubstring("-----BEGIN"))
	for _, output := range o {
		if content, ok := text(output.Value); ok && len(content) > 8 {
			g.Expect(e.Error()).NotTo(ContainSubstring(strings.TrimSpace(content)))
		}
	}
}
