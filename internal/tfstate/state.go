package tfstate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// formatVersion is the version of the state's format since Terraform 0.12.
const formatVersion = 4

// NoOutputs is what `tofu output -json` prints when there are none.
const NoOutputs = "{}\n"

// file is what we look at in a state.
type file struct {
	Version   int               `json:"version"`
	Outputs   map[string]output `json:"outputs"`
	Resources []struct {
		Mode      string     `json:"mode"`
		Instances []instance `json:"instances"`
	} `json:"resources"`
}

type output struct {
	Value     any  `json:"value"`
	Sensitive bool `json:"sensitive"`
}

type instance struct {
	Attributes any      `json:"attributes"`
	Sensitive  [][]step `json:"sensitive_attributes"`
}

// step is one step of a path into the attributes.
type step struct {
	Type  string `json:"type"`
	Value any    `json:"value"`
}

// decode reads JSON. Numbers stay as they are written: OpenTofu's are larger than those
// of Go.
func decode(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something after it")
	}
	return nil
}

// readable says, without any of its text, why a state cannot be read.
func readable(state []byte, decoding error, version int) error {
	if decoding != nil {
		return fmt.Errorf("the state is not the JSON expected (%d bytes)", len(state))
	}
	if version != formatVersion {
		return fmt.Errorf("the state has format version %d; only %d, unencrypted, can be read", version, formatVersion)
	}
	return nil
}

// Empty reports whether a state records no infrastructure, so that nothing is
// lost with it. A state that cannot be read, such as an encrypted one, is an
// error and never empty.
func Empty(state []byte) (bool, error) {
	if len(state) == 0 {
		return true, nil
	}
	var f file
	err := decode(state, &f)
	if err = readable(state, err, f.Version); err != nil {
		return false, err
	}
	for _, r := range f.Resources {
		if r.Mode != "data" && len(r.Instances) > 0 {
			return false, nil
		}
	}
	return true, nil
}

// Outputs are those that a state holds, exactly as `tofu output -json` prints
// them: an object by name, each with sensitive, deprecated if it is, type and value.
// Sensitive values are included. An encrypted state is an error; no state has none.
func Outputs(state []byte) ([]byte, error) {
	var f struct {
		Version int `json:"version"`
		Outputs map[string]struct {
			Sensitive  bool            `json:"sensitive"`
			Deprecated string          `json:"deprecated,omitempty"`
			Type       json.RawMessage `json:"type"`
			Value      json.RawMessage `json:"value"`
		} `json:"outputs"`
	}
	if len(state) > 0 {
		err := decode(state, &f)
		if err = readable(state, err, f.Version); err != nil {
			return nil, err
		}
	}
	if len(f.Outputs) == 0 {
		return []byte(NoOutputs), nil
	}
	printed, err := json.MarshalIndent(f.Outputs, "", "  ")
	return append(printed, '\n'), err
}

// SensitiveValues are the texts and numbers in a state that are marked
// sensitive: of outputs and of resources. Sorted, without duplicates; nil for
// a state that cannot be read.
func SensitiveValues(state []byte) []string {
	var f file
	if err := decode(state, &f); err != nil {
		return nil
	}
	var values []string
	for _, o := range f.Outputs {
		if o.Sensitive {
			values = appendLeaves(values, o.Value)
		}
	}
	for _, r := range f.Resources {
		for _, i := range r.Instances {
			for _, path := range i.Sensitive {
				values = appendLeaves(values, follow(i.Attributes, path))
			}
		}
	}
	slices.Sort(values)
	return slices.Compact(values)
}

// follow is the value at a path. A path that leads nowhere, or into a set,
// whose elements have no name, ends at the last value that it found: rather
// too much is sensitive than too little.
func follow(value any, path []step) any {
	for _, s := range path {
		next, ok := child(value, s.Value)
		if !ok {
			return value
		}
		value = next
	}
	return value
}

func child(value, key any) (any, bool) {
	switch v := value.(type) {
	case map[string]any:
		next, ok := v[keyName(key)]
		return next, ok
	case []any:
		i, ok := keyIndex(key)
		if !ok || i < 0 || i >= len(v) {
			return nil, false
		}
		return v[i], true
	}
	return nil, false
}

// A key is a plain string (get_attr), or for an index {"value": …, "type": …}.

func keyName(key any) string {
	if typed, ok := key.(map[string]any); ok {
		key = typed["value"]
	}
	name, _ := key.(string)
	return name
}

func keyIndex(key any) (int, bool) {
	if typed, ok := key.(map[string]any); ok {
		key = typed["value"]
	}
	number, _ := key.(json.Number)
	index, err := strconv.Atoi(number.String())
	return index, err == nil
}

func appendLeaves(to []string, value any) []string {
	switch v := value.(type) {
	case string:
		to = append(to, v)
	case json.Number:
		to = append(to, v.String())
	case []any:
		for _, e := range v {
			to = appendLeaves(to, e)
		}
	case map[string]any:
		for _, e := range v {
			to = appendLeaves(to, e)
		}
	}
	return to
}
