package contract

import (
	"maps"
	"slices"
	"strings"
)

// lookup finds the values of contract names: through the mapping, else by accepted names.
type lookup struct {
	outputs Outputs
	mapping map[string]string
}

// checkMapping refuses what no lookup would notice.
func (l lookup) checkMapping() error {
	for _, name := range slices.Sorted(maps.Keys(l.mapping)) {
		if _, known := accepted[name]; !known {
			return fail(ReasonOutputMappingInvalid, "spec.outputs maps %q, which is not a contract name. Use one of %s.",
				name, strings.Join(ControlPlaneNames(), ", "))
		}
		if _, _, ok := parsePath(l.mapping[name]); !ok {
			return fail(ReasonOutputMappingInvalid, "spec.outputs.%s is %q, which is not the name of an output or a path such as kube_config[0].raw_config. Correct it.",
				name, l.mapping[name])
		}
	}
	parts := l.mapped(partNames...)
	if l.mapping[NameKubeconfig] != "" && len(parts) > 0 {
		return fail(ReasonOutputMappingInvalid, "spec.outputs maps kubeconfig and also %s, which a kubeconfig already holds. Keep either kubeconfig or its parts.",
			strings.Join(parts, ", "))
	}
	return nil
}

// mapped returns those of the names that the mapping has.
func (l lookup) mapped(names ...string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return l.mapping[name] == "" })
}

// value returns the plain form of what a contract name stands for, nil if no output gives it.
// A mapped output must be there; an output that is there must be what the name promises.
func (l lookup) value(name string) ([]byte, error) {
	if path := l.mapping[name]; path != "" {
		return l.mappedValue(name, path)
	}
	output, content, ok := l.outputs.firstText(accepted[name])
	if !ok {
		return nil, nil
	}
	if plain, ok := expected[name].read(content); ok {
		return plain, nil
	}
	if name == NameKubernetesVersion {
		return nil, nil // `version` is as often the module's own; nothing depends on it
	}
	return nil, fail(ReasonOutputInvalid, "The output %q was taken as %s, but its value is not %s. Correct it, or map the right one in spec.outputs.%s. %s",
		output, name, expected[name].what, name, l.outputs.have())
}

func (l lookup) mappedValue(name, path string) ([]byte, error) {
	output, steps, _ := parsePath(path) // checked before
	found, ok := walk(l.outputs[output].Value, steps)
	if !ok || len(found) == 0 || isNull(found) || string(found) == `""` {
		return nil, fail(ReasonOutputMissing, "spec.outputs.%s names %q, which is missing or empty: expected %s.%s Correct the path or add the output to the module. %s",
			name, path, expected[name].what, pathHint(output, l.outputs[output].Type), l.outputs.have())
	}
	if content, ok := text(found); ok {
		if plain, ok := expected[name].read(content); ok {
			return plain, nil
		}
	}
	hint := ""
	if len(steps) == 0 {
		hint = pathHint(output, l.outputs[output].Type)
	}
	return nil, fail(ReasonOutputInvalid, "spec.outputs.%s names %q, whose value is not %s.%s Correct the path or the module. %s",
		name, path, expected[name].what, hint, l.outputs.have())
}

// firstText returns the first of the outputs that is a string and not empty.
func (o Outputs) firstText(names []string) (name, content string, ok bool) {
	for _, name := range names {
		if content, ok := text(o[name].Value); ok && strings.TrimSpace(content) != "" {
			return name, content, true
		}
	}
	return "", "", false
}
