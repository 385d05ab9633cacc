package contract

import (
	"bytes"
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
		value, ok := decode(o[name].Value)
		if o[name].Sensitive || !ok || isCredential(name, value) {
			continue
		}
		// Written anew, so that what is shown is what was looked at: JSON may give a name twice.
		member, err := json.Marshal(map[string]any{name: value})
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

// decode keeps numbers as they are written.
func decode(text json.RawMessage) (value any, ok bool) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return value, decoder.Decode(&value) == nil
}

// isCredential tells whether a value, its name, or anything inside of it, is a credential by name
// or by look.
func isCredential(name string, value any) bool {
	if looksSecret(name) {
		return true
	}
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
			if isCredential(name, attribute) {
				return true
			}
		}
	}
	return false
}

// looksSecret recognises private keys, kubeconfigs and the tokens with a form of their own, plain
// or in base64.
func looksSecret(content string) bool {
	content = strings.TrimSpace(content)
	if secretForm(content) {
		return true
	}
	decoded, err := base64.StdEncoding.DecodeString(content)
	return err == nil && secretForm(strings.TrimSpace(string(decoded)))
}

func secretForm(content string) bool {
	switch {
	case strings.Contains(content, "PRIVATE KEY-----"),
		strings.HasPrefix(content, "k8s-aws-v1."),                             // EKS
		strings.HasPrefix(content, "ya29."),                                   // Google
		strings.HasPrefix(content, "eyJ") && strings.Count(content, ".") == 2: // a JWT
		return true
	}
	return isKubeconfig([]byte(content))
}
