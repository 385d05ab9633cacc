package inputs

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

const (
	// workspaceNameVariable stands for the name of the workspace.
	workspaceNameVariable = "WORKSPACE_NAME"

	// applySuffix is not part of that name. CAPT 0.3 left it out, and Secrets
	// are found by that name.
	applySuffix = "-apply"
)

var errUnterminated = errors.New("${ without }")

// substitute replaces each `${name}` by its value and `$${` by `${`. Values are
// taken as they are: what is in them is not replaced again. It fails with
// errUnterminated, or with what value returns.
func substitute(text string, value func(name string) (string, error)) (string, error) {
	var out strings.Builder
	for {
		start := strings.Index(text, "${")
		if start < 0 {
			out.WriteString(text)
			return out.String(), nil
		}
		if start > 0 && text[start-1] == '$' {
			out.WriteString(text[:start-1] + "${")
			text = text[start+2:]
			continue
		}
		name, rest, closed := strings.Cut(text[start+2:], "}")
		if !closed {
			return "", errUnterminated
		}
		replacement, err := value(name)
		if err != nil {
			return "", err
		}
		out.WriteString(text[:start] + replacement)
		text = rest
	}
}

// substitutes are what `${name}` can stand for.
type substitutes struct {
	texts map[string]string
	// structured are the names of lists, objects and nulls, which have no text.
	structured map[string]bool
}

// newSubstitutes are those of an apply. Its values win over its variables.
func newSubstitutes(apply *infrav1.WorkspaceTemplateApply) (substitutes, error) {
	s := substitutes{texts: map[string]string{}, structured: map[string]bool{}}
	maps.Copy(s.texts, apply.Spec.Variables)
	for name, raw := range sorted(apply.Spec.Values) {
		value, err := decodeJSON(raw.Raw)
		if err != nil {
			return s, notJSON("spec.values[" + name + "]")
		}
		text, scalar := textOf(value)
		if scalar {
			s.texts[name] = text
		} else {
			delete(s.texts, name)
			s.structured[name] = true
		}
	}
	s.texts[workspaceNameVariable] = strings.TrimSuffix(apply.Name, applySuffix)
	return s, nil
}

// textOf is the text of a string, number or bool.
func textOf(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// in replaces the variables in the text that stands in a field of the template.
func (s substitutes) in(place, text string) (string, error) {
	replaced, err := substitute(text, func(name string) (string, error) {
		if value, ok := s.texts[name]; ok {
			return value, nil
		}
		if s.structured[name] {
			return "", fail(ReasonVariableInvalid,
				"%s uses ${%s}, which is no string, number or bool; give the variable to the module as a whole, or write $${%s} for the characters themselves", place, name, name)
		}
		return "", fail(ReasonUnknownVariable,
			"%s uses ${%s}, which is no variable of the WorkspaceTemplateApply (it has %s); add it to spec.variables, or write $${%s} for the characters themselves",
			place, name, list(slices.Collect(maps.Keys(s.texts))), name)
	})
	if errors.Is(err, errUnterminated) {
		return "", fail(ReasonVariableInvalid, "%s holds ${ without a closing }; write $${ for the characters themselves", place)
	}
	return replaced, err
}

// inJSON replaces the variables in all strings of a JSON value.
func (s substitutes) inJSON(place string, value any) (any, error) {
	var err error
	switch v := value.(type) {
	case string:
		return s.in(place, v)
	case []any:
		for i := range v {
			if v[i], err = s.inJSON(place, v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for key, element := range sorted(v) {
			if v[key], err = s.inJSON(place, element); err != nil {
				return nil, err
			}
		}
	}
	return value, nil
}
