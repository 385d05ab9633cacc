package kubeconfig_test

import (
	"encoding/json"
	"testing"

	. "github.com/onsi/gomega"
)

// outputs are the outputs of a module by name: texts, numbers, bools, lists and objects, or a secret.
type outputs map[string]any

// secret is a value that the module marks as sensitive.
type secret struct{ value any }

type (
	list   = []any
	object = map[string]any
)

// document is what `tofu output -json` prints.
func (o outputs) document(t *testing.T) []byte {
	t.Helper()
	members := object{}
	for name, value := range o {
		s, sensitive := value.(secret)
		if sensitive {
			value = s.value
		}
		members[name] = object{"sensitive": sensitive, "type": typeOf(value), "value": value}
	}
	text, err := json.MarshalIndent(members, "", "  ")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return text
}

// typeOf is the type of a value as OpenTofu writes it. Null is an attribute that is not set.
func typeOf(value any) any {
	switch value := value.(type) {
	case list:
		if len(value) == 0 {
			return list{"list", "string"}
		}
		return list{"list", typeOf(value[0])}
	case object:
		attributes := object{}
		for name, attribute := range value {
			attributes[name] = typeOf(attribute)
		}
		return list{"object", attributes}
	case bool:
		return "bool"
	case int:
		return "number"
	default:
		return "string"
	}
}
