package tfstate

import (
	"testing"

	. "github.com/onsi/gomega"
)

func TestEmpty(t *testing.T) {
	for name, tc := range map[string]struct {
		state string
		want  bool
		err   string
	}{
		"no state":               {``, true, ""},
		"never applied":          {`{"version":4,"serial":1,"lineage":"x"}`, true, ""},
		"after a destroy":        {`{"version":4,"resources":[],"outputs":{}}`, true, ""},
		"a data source only":     {`{"version":4,"resources":[{"mode":"data","instances":[{}]}]}`, true, ""},
		"no instance left":       {`{"version":4,"resources":[{"mode":"managed","instances":[]}]}`, true, ""},
		"a resource":             {`{"version":4,"resources":[{"mode":"managed","instances":[{}]}]}`, false, ""},
		"a deposed object":       {`{"version":4,"resources":[{"mode":"managed","instances":[{"deposed":"ab"}]}]}`, false, ""},
		"a mode that is unknown": {`{"version":4,"resources":[{"mode":"new","instances":[{}]}]}`, false, ""},
		"encrypted":              {`{"serial":1,"lineage":"x","encrypted_data":"c2Vj","encryption_version":"v0"}`, false, "format version 0"},
		"another version":        {`{"version":5}`, false, "format version 5"},
		"no JSON":                {`oops`, false, "not the JSON expected"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			empty, err := Empty([]byte(tc.state))
			g.Expect(empty).To(Equal(tc.want))
			if tc.err != "" {
				g.Expect(err).To(MatchError(ContainSubstring(tc.err)))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
		})
	}
}

func TestSensitiveValues(t *testing.T) {
	g := NewWithT(t)
	g.Expect(SensitiveValues([]byte(`{
	  "version": 4,
	  "outputs": {
	    "public": {"value": "shown", "type": "string"},
	    "token": {"value": "out-secret", "type": "string", "sensitive": true},
	    "many": {"value": {"a": ["list-secret", 123456789, 1e400, true, null]}, "sensitive": true}
	  },
	  "resources": [{"mode": "managed", "instances": [{
	    "attributes": {
	      "id": "shown", "password": "attr-secret",
	      "nested": {"list": [{"key": "first"}, {"key": "index-secret"}], "map": {"k": "map-secret", "l": "shown"}},
	      "set": ["set-secret"]
	    },
	    "sensitive_attributes": [
	      [{"type": "get_attr", "value": "password"}],
	      [{"type": "get_attr", "value": "nested"}, {"type": "get_attr", "value": "list"}, {"type": "index", "value": {"value": 1, "type": "number"}}, {"type": "get_attr", "value": "key"}],
	      [{"type": "get_attr", "value": "nested"}, {"type": "get_attr", "value": "map"}, {"type": "index", "value": {"value": "k", "type": "string"}}],
	      [{"type": "get_attr", "value": "set"}, {"type": "index", "value": {"value": "set-secret", "type": "string"}}]
	    ]
	  }]}]
	}`))).To(Equal([]string{"123456789", "1e400", "attr-secret", "index-secret", "list-secret", "map-secret", "out-secret", "set-secret"}))
	g.Expect(SensitiveValues([]byte("oops"))).To(BeEmpty())
}

func TestOutputs(t *testing.T) {
	g := NewWithT(t)
	printed, err := Outputs([]byte(`{"version":4,"outputs":{"b":{"value":1e400,"type":"number"},"a":{"value":"<","type":"string","sensitive":true}}}`))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(printed)).To(Equal(`{
  "a": {
    "sensitive": true,
    "type": "string",
    "value": "\u003c"
  },
  "b": {
    "sensitive": false,
    "type": "number",
    "value": 1e400
  }
}
`))
	for _, none := range []string{"", `{"version":4}`, `{"version":4,"outputs":{}}`} {
		printed, err := Outputs([]byte(none))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(string(printed)).To(Equal(NoOutputs))
	}
	for _, unreadable := range []string{`{"encrypted_data":"x"}`, `{"version":4,"outputs":[]}`, `{"version":4} {}`, `no JSON`} {
		_, err := Outputs([]byte(unreadable))
		g.Expect(err).To(HaveOccurred(), unreadable)
	}
}
