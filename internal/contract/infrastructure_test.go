package contract

import (
	"testing"

	. "github.com/onsi/gomega"
)

func TestInfrastructure(t *testing.T) {
	yes := true
	for name, tc := range map[string]struct {
		values map[string]any
		want   Infrastructure
	}{
		"nothing": {nil, Infrastructure{}},
		"empty":   {map[string]any{"vpc_id": "", "control_plane_endpoint": nil, "azs": map[string]any{}}, Infrastructure{}},
		"terraform-aws-modules/vpc": {map[string]any{"vpc_id": "vpc-1", "azs": []any{"b", "a", "b"}},
			Infrastructure{VPCID: "vpc-1", FailureDomains: []FailureDomain{{Name: "a"}, {Name: "b"}}}},
		"Azure":          {map[string]any{"vnet_id": "/subscriptions/1"}, Infrastructure{VPCID: "/subscriptions/1"}},
		"Hetzner number": {map[string]any{"network_id": 4711}, Infrastructure{VPCID: "4711"}},
		"a map": {map[string]any{"vpc_id": nil, "network_id": "n", "failure_domains": map[string]any{
			"b": map[string]any{"control_plane": true, "attributes": map[string]any{"subnet": "s"}}, "a": map[string]any{}}},
			Infrastructure{VPCID: "n", FailureDomains: []FailureDomain{{Name: "a"}, {Name: "b", ControlPlane: &yes, Attributes: map[string]string{"subnet": "s"}}}}},
		"an endpoint":   {map[string]any{"control_plane_endpoint": "10.0.0.1:6443"}, Infrastructure{Endpoint: "https://10.0.0.1:6443"}},
		"own name wins": {map[string]any{"failure_domains": []any{"f"}, "zones": []any{"z"}}, Infrastructure{FailureDomains: []FailureDomain{{Name: "f"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			got, err := outputs(t, tc.values).Infrastructure()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(got).To(Equal(tc.want))
		})
	}
}

func TestInfrastructureRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		output string
		value  any
		word   string
	}{
		"network is a list":         {"vpc_id", []any{"hush-hush"}, "a text or a number"},
		"endpoint is a number":      {"control_plane_endpoint", 6443, "https://host"},
		"endpoint is no https":      {"control_plane_endpoint", "http://hush-hush", "https://host"},
		"domains are a text":        {"failure_domains", "hush-hush", "a list of names"},
		"domain is a number":        {"azs", []any{1}, "a list of names"},
		"domain without a name":     {"zones", []any{""}, "a list of names"},
		"domain of the wrong shape": {"availability_zones", map[string]any{"a": "hush-hush"}, "a map of name"},
	} {
		t.Run(name, func(t *testing.T) {
			o := outputs(t, map[string]any{tc.output: tc.value})
			_, err := o.Infrastructure()
			expectError(t, err, ReasonOutputInvalid, o, tc.output, tc.word)
		})
	}
}
