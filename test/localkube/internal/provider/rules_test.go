package provider

import (
	"context"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	. "github.com/onsi/gomega"
)

func TestRules(t *testing.T) {
	tests := []struct {
		name          string
		rule          rule
		keeps, breaks []string
	}{
		{
			"name", nameRule,
			[]string{"a", "a-1", "1", strings.Repeat("a", 200)},
			[]string{"", "-a", "a-", "A", "a.b", "a/b", "..", strings.Repeat("a", 201)},
		},
		{
			"pool", poolRule,
			[]string{"a", "a-1", strings.Repeat("a", 63)},
			[]string{"", "-a", "a-", "A", "a.b", strings.Repeat("a", 64)},
		},
		{
			"version", versionRule,
			[]string{"v1.36.3", "1.36", "v1.36.3-rc.0", "v1.36.3+k3s1"},
			[]string{"", "latest", "v1", "1.36.3.4", "v1.36.x"},
		},
		{"delay", delayRule, []string{"0s", "1.5m"}, []string{"", "5", "-1s"}},
		{"ttl", ttlRule, []string{"1s", "24h"}, []string{"0s", "999ms", "day"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := NewWithT(t)
			for _, value := range test.keeps {
				g.Expect(problems(test.rule, types.StringValue(value))).To(BeEmpty(), value)
			}
			for _, value := range test.breaks {
				g.Expect(problems(test.rule, types.StringValue(value))).To(
					ContainElement(And(ContainSubstring(test.rule.wants), ContainSubstring(`"`+value+`"`))), value)
			}
			g.Expect(problems(test.rule, types.StringNull())).To(BeEmpty())
			g.Expect(problems(test.rule, types.StringUnknown())).To(BeEmpty())
		})
	}
}

func problems(r rule, value types.String) []string {
	var resp validator.StringResponse
	r.ValidateString(context.Background(), validator.StringRequest{Path: path.Root("x"), ConfigValue: value}, &resp)
	var details []string
	for _, diagnostic := range resp.Diagnostics {
		details = append(details, diagnostic.Detail())
	}
	return details
}
