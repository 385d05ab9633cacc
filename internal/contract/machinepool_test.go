package contract

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

func TestMachinePool(t *testing.T) {
	for name, tc := range map[string]struct {
		outputs string
		want    MachinePool
	}{
		"sorted, and counted":       {`{"provider_id_list":{"value":["b","a"]}}`, MachinePool{ProviderIDs: []string{"a", "b"}, Replicas: 2}},
		"none":                      {`{"provider_id_list":{"value":[]}}`, MachinePool{}},
		"more machines than known":  {`{"provider_id_list":{"value":[]},"replicas":{"value":3}}`, MachinePool{Replicas: 3}},
		"none although some are":    {`{"provider_id_list":{"value":["a"]},"replicas":{"value":0}}`, MachinePool{ProviderIDs: []string{"a"}}},
		"a count that is not given": {`{"provider_id_list":{"value":["a"]},"replicas":{"value":null}}`, MachinePool{ProviderIDs: []string{"a"}, Replicas: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			o, err := Decode([]byte(tc.outputs))
			g.Expect(err).NotTo(HaveOccurred())
			got, err := o.MachinePool()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(got).To(Equal(tc.want))
		})
	}
}

func TestMachinePoolRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		ids, replicas any
		reason        string
		words         []string
	}{
		"no list":             {nil, 1, ReasonOutputMissing, []string{"provider_id_list", "spec.providerID"}},
		"a text":              {"hush-hush", nil, ReasonOutputInvalid, []string{"provider_id_list", "has to be a text"}},
		"a number in it":      {[]any{1}, nil, ReasonOutputInvalid, []string{"provider_id_list", "has to be a text"}},
		"a map":               {map[string]any{"a": "hush-hush"}, nil, ReasonOutputInvalid, []string{"provider_id_list", "has to be a text"}},
		"an empty one":        {[]any{"hush-hush", ""}, nil, ReasonOutputInvalid, []string{"provider_id_list", "element 1 is empty"}},
		"null in it":          {[]any{"hush-hush", nil}, nil, ReasonOutputInvalid, []string{"provider_id_list", "element 1 is empty"}},
		"one twice":           {[]any{"hush-hush", "b", "hush-hush"}, nil, ReasonOutputInvalid, []string{"provider_id_list", "element 2 is in it twice"}},
		"a long one":          {[]any{strings.Repeat("hush-hush", 57)}, nil, ReasonOutputInvalid, []string{"provider_id_list", "element 0 is longer than 512"}},
		"too many":            {make([]any, 10001), nil, ReasonOutputInvalid, []string{"provider_id_list", "10001 elements"}},
		"a count that is not": {[]any{"a"}, "hush-hush", ReasonOutputInvalid, []string{"replicas", "whole number"}},
		"a part of a machine": {[]any{"a"}, 1.5, ReasonOutputInvalid, []string{"replicas", "whole number"}},
		"less than nothing":   {[]any{"a"}, -1, ReasonOutputInvalid, []string{"replicas", "whole number"}},
		"more than fit":       {[]any{"a"}, 1 << 31, ReasonOutputInvalid, []string{"replicas", "whole number"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := outputs(t, map[string]any{"provider_id_list": tc.ids, "replicas": tc.replicas})
			_, err := o.MachinePool()
			expectError(t, err, tc.reason, o, tc.words...)
		})
	}
}
