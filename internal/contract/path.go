package contract

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	pathHead = regexp.MustCompile(`^[\pL_][\pL\pN_-]*`)
	// A step is .name, .0 (as Terraform once wrote it), [0] or ["any key"].
	pathStep = regexp.MustCompile(`^(?:\.([\pL\pN_-]+)|\[([0-9]+)\]|\["([^"]*)"\])`)
)

// parsePath splits `kube_config[0].raw_config` into its output and the steps into its value.
func parsePath(path string) (output string, steps []string, ok bool) {
	output = pathHead.FindString(path)
	rest := path[len(output):]
	for output != "" && rest != "" {
		m := pathStep.FindStringSubmatch(rest)
		if m == nil {
			return "", nil, false
		}
		steps = append(steps, m[1]+m[2]+m[3])
		rest = rest[len(m[0]):]
	}
	return output, steps, output != ""
}

// walk follows steps into value. ok is false where a step leads nowhere.
func walk(value json.RawMessage, steps []string) (_ json.RawMessage, ok bool) {
	for _, step := range steps {
		var list []json.RawMessage
		var object map[string]json.RawMessage
		switch {
		case json.Unmarshal(value, &list) == nil && list != nil:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(list) {
				return nil, false
			}
			value = list[i]
		case json.Unmarshal(value, &object) == nil && object[step] != nil:
			value = object[step]
		default:
			return nil, false
		}
	}
	return value, true
}

// textPaths returns the paths to every string that a value of this type is known to hold, sorted
// as written. It reads the type only, so that no value can slip into a message.
func textPaths(prefix string, typ json.RawMessage) []string {
	if string(typ) == `"string"` {
		return []string{prefix}
	}
	var pair []json.RawMessage
	if json.Unmarshal(typ, &pair) != nil || len(pair) != 2 {
		return nil
	}
	var paths []string
	switch string(pair[0]) {
	case `"list"`, `"set"`:
		paths = textPaths(prefix+"[0]", pair[1])
	case `"tuple"`:
		var elements []json.RawMessage
		_ = json.Unmarshal(pair[1], &elements) // not a list: no paths
		for i, element := range elements {
			paths = append(paths, textPaths(fmt.Sprintf("%s[%d]", prefix, i), element)...)
		}
	case `"object"`:
		var attributes map[string]json.RawMessage
		_ = json.Unmarshal(pair[1], &attributes) // not an object: no paths
		for _, name := range slices.Sorted(maps.Keys(attributes)) {
			paths = append(paths, textPaths(prefix+"."+name, attributes[name])...)
		}
	}
	return paths
}

// pathHint advises how to reach into an output that is no text; empty if there is nothing to say.
func pathHint(output string, typ json.RawMessage) string {
	paths := textPaths(output, typ)
	if len(paths) == 0 {
		return ""
	}
	if len(paths) > 12 {
		paths = paths[:12]
	}
	return fmt.Sprintf(" The output %q holds texts at %s.", output, strings.Join(paths, ", "))
}
