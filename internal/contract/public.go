package contract

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
)

// Public returns the outputs that may be shown in a status, as one JSON object with sorted keys,
// at most maxBytes long and at least `{}`. Not shown are outputs that the module marks as
// sensitive and, marked or not, everything that is a credential: outputs, or attributes at any
// depth, with a name that the contract takes as a kubeconfig, a token or a client key, and texts
// that look like one. omitted names, sorted, the outputs that would be shown but for the size: an
// output that does not fit is left out and smaller ones after it still are shown.
func (o Outputs) Public(maxBytes int) (document []byte, omitted []string) {
	document = []byte("{")
	for _, name := range o.Names() {
		output := o[name]
		var value any
		if output.Sensitive || json.Unmarshal(output.Value, &value) != nil || isCredential(name, value) {
			continue
		}
		member, err := json.Marshal(map[string]json.RawMessage{name: output.Value})
		if err != nil {
			continue // not JSON: Decode would not have let it through
		}
		member = member[1 : len(member)-1]
		separator := min(len(document)-1, 1) // none before the first
		if len(document)+separator+len(member)+1 > maxBytes {
			omitted = append(omitted, name)
			continue
		}
		document = append(append(document, ","[:separator]...), member...)
	}
	return append(document, '}'), omitted
}

// isCredential tells whether a value, or anything inside of it, is a credential by name or by look.
func isCredential(name string, value any) bool {
	for _, credential := range []string{NameKubeconfig, NameToken, NameClientKey} {
		if value != nil && slices.Contains(accepted[credential], strings.ToLower(name)) {
			return true
		}
	}
	switch value := value.(type) {
	case string:
		return looksSecret(value)
	case []any:
		return slices.ContainsFunc(value, func(element any) bool { return isCredential("", element) })
	case map[string]any:
		for name, attribute := range value {
			if isCredential(name, attribute) || looksSecret(name) {
				return true
			}
		}
	}
	return false
}

// looksSecret recognises private keys, kubeconfigs and the tokens with a form of their own, plain
// or in base64.
func looksSecret(content string) bool {
	if secretForm(content) {
		return true
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(content))
	return err == nil && secretForm(string(decoded))
}

func secretForm(content string) bool {
	switch {
	case strings.Contains(content, "PRIVATE KEY-----"),
		strings.HasPrefix(content, "k8s-aws-v1."),
		strings.HasPrefix(content, "eyJ") && strings.Count(content, ".") == 2: // a JWT
		return true
	}
	return strings.Contains(content, "users") && isKubeconfig([]byte(content))
}
