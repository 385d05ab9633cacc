package inputs

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

const (
	// shortestSecret is the length in bytes of the shortest value that is
	// hidden. To hide shorter ones ("true", "8080", "dev") would tear holes into
	// every message and still keep nothing secret.
	shortestSecret = 6

	// shortestPart is the same for parts of a longer text, of which most are no
	// secrets ("kind: Config").
	shortestPart = 8
)

// secrets is a set of texts that must never be shown.
type secrets map[string]struct{}

func (s secrets) list() []string { return slices.Sorted(maps.Keys(s)) }

// add hides a text. Of one with many lines, each line is hidden, since programs
// show lines of what they were given; then the whole is, too. Also hidden are
// the values within the text: all strings and numbers if it is JSON, and what
// lines of the form `key = value` or `key: value` give to their keys.
func (s secrets) add(text string) {
	text = strings.TrimSpace(text)
	if !strings.Contains(text, "\n") {
		s.hide(text, shortestSecret)
		s.addAssigned(text)
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "-----") { // the rails of PEM
			s.hide(line, shortestPart)
			s.addAssigned(line)
		}
	}
	if strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
		if value, err := decodeJSON([]byte(text)); err == nil {
			s.addJSON(value)
		}
	}
}

// assignment is a line that gives a value to a key: an INI file, a .env, YAML,
// JSON on many lines, HCL.
var assignment = regexp.MustCompile(`^[-\s]*["']?[\w.-]+["']?\s*[:=]\s*(.+)$`)

func (s secrets) addAssigned(line string) {
	if match := assignment.FindStringSubmatch(line); match != nil {
		s.hide(strings.Trim(match[1], ` "',`), shortestPart)
	}
}

// addJSON hides the strings and numbers in a decoded JSON value.
func (s secrets) addJSON(value any) {
	switch v := value.(type) {
	case string:
		s.add(v)
	case json.Number:
		s.hide(v.String(), shortestSecret)
	case []any:
		for _, element := range v {
			s.addJSON(element)
		}
	case map[string]any:
		for _, element := range v {
			s.addJSON(element)
		}
	}
}

// addValue hides the strings and numbers in a value.
func (s secrets) addValue(value cty.Value) {
	_ = cty.Walk(value, func(_ cty.Path, v cty.Value) (bool, error) {
		switch {
		case v.IsNull() || !v.IsKnown():
			return false, nil
		case v.Type() == cty.String:
			s.add(v.AsString())
		case v.Type() == cty.Number:
			s.hide(v.AsBigFloat().Text('f', -1), shortestSecret)
		}
		return true, nil
	})
}

func (s secrets) hide(text string, shortest int) {
	if len(text) >= shortest {
		s[text] = struct{}{}
	}
}
