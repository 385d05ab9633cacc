package contract

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
)

// Output is one output of a module, as `tofu output -json` prints it.
type Output struct {
	// Sensitive is what the module says about it.
	Sensitive bool `json:"sensitive"`
	// Type is the type constraint in JSON: "string", ["list","string"], ["object",{…}], …
	Type json.RawMessage `json:"type"`
	// Value is compact JSON, `null` included.
	Value json.RawMessage `json:"value"`
}

// Outputs are the outputs of a module by name.
type Outputs map[string]Output

// SecretKey is the key of an outputs Secret that holds the document for Decode.
const SecretKey = "outputs.json"

// Decode reads exactly what `tofu output -json` prints: an object of
// {"name":{"sensitive":bool,"type":…,"value":…}}. `{}` is a module without outputs.
// The error is an *Error with ReasonOutputsUnreadable.
func Decode(document []byte) (Outputs, error) {
	var outputs Outputs
	// The parser's own error is not passed on: it quotes what it read.
	if err := json.Unmarshal(document, &outputs); err != nil || outputs == nil {
		return nil, unreadable()
	}
	for name, output := range outputs {
		var compact bytes.Buffer
		if err := json.Compact(&compact, output.Value); err != nil {
			return nil, unreadable()
		}
		output.Value = compact.Bytes()
		outputs[name] = output
	}
	return outputs, nil
}

func unreadable() *Error {
	return fail(ReasonOutputsUnreadable, "The stored outputs are not what `tofu output -json` prints. Apply the workspace again to store them anew.")
}

// Names returns the names of all outputs, sorted.
func (o Outputs) Names() []string {
	return slices.Sorted(maps.Keys(o))
}

// Values returns every output as bytes by name, sensitive ones included, for a Secret: a string
// as its plain text, everything else as compact JSON. Outputs that are null are left out.
func (o Outputs) Values() map[string][]byte {
	values := make(map[string][]byte, len(o))
	for name, output := range o {
		if content, ok := text(output.Value); ok {
			values[name] = []byte(content)
		} else if !isNull(output.Value) {
			values[name] = slices.Clone(output.Value)
		}
	}
	return values
}

// text returns the content of a JSON string; ok is false for every other kind of value.
func text(value json.RawMessage) (s string, ok bool) {
	if !bytes.HasPrefix(value, []byte(`"`)) {
		return "", false
	}
	return s, json.Unmarshal(value, &s) == nil
}

func isNull(value json.RawMessage) bool {
	return string(value) == "null"
}
