package contract

import (
	"encoding/json"
	"maps"
	"slices"
)

// Infrastructure is what a module of the infrastructure (a network) gives. All of it is optional.
type Infrastructure struct {
	// VPCID identifies the network; from vpc_id, vnet_id or network_id, text or number.
	VPCID string
	// Endpoint is the URL of the control plane's address, https://host[:port], if this module
	// makes it; from control_plane_endpoint.
	Endpoint string
	// FailureDomains are sorted by name, each name once; from failure_domains,
	// availability_zones, azs or zones.
	FailureDomains []FailureDomain
}

// FailureDomain is a place where machines fail together.
type FailureDomain struct {
	// Name is what the provider calls it.
	Name string
	// ControlPlane tells whether control planes may live there; nil if the module does not say.
	ControlPlane *bool
	// Attributes are the module's own.
	Attributes map[string]string
}

var (
	vpcNames           = []string{"vpc_id", "vnet_id", "network_id"}
	failureDomainNames = []string{"failure_domains", "availability_zones", "azs", "zones"}
)

const (
	infrastructureEndpointName = "control_plane_endpoint"
	failureDomainsExpected     = `a list of names, or a map of name to {"control_plane":bool,"attributes":{…}}`
)

// Infrastructure reads the outputs of an infrastructure module. The first output of a list of
// names that is there and not null or empty is taken. The error is an *Error with ReasonOutputInvalid.
func (o Outputs) Infrastructure() (Infrastructure, error) {
	var infra Infrastructure
	if name, value := o.first(vpcNames); name != "" {
		var ok bool
		if infra.VPCID, ok = scalar(value); !ok {
			return Infrastructure{}, o.unexpected(name, "a text or a number")
		}
	}
	if name, value := o.first([]string{infrastructureEndpointName}); name != "" {
		content, _ := text(value) // not a text: not an endpoint either
		endpoint, ok := readEndpoint(content)
		if !ok {
			return Infrastructure{}, o.unexpected(name, expected[NameEndpoint].what)
		}
		infra.Endpoint = string(endpoint)
	}
	if name, value := o.first(failureDomainNames); name != "" {
		var ok bool
		if infra.FailureDomains, ok = failureDomains(value); !ok {
			return Infrastructure{}, o.unexpected(name, failureDomainsExpected)
		}
	}
	return infra, nil
}

// first returns the first of the outputs that says anything, "" if none does.
func (o Outputs) first(names []string) (string, json.RawMessage) {
	for _, name := range names {
		value := o[name].Value
		if !slices.Contains([]string{"", "null", `""`, "[]", "{}"}, string(value)) {
			return name, value
		}
	}
	return "", nil
}

func (o Outputs) unexpected(name, what string) *Error {
	return fail(ReasonOutputInvalid, "The output %q is not %s. Correct the module. %s", name, what, o.have())
}

// scalar returns a string or a number as text.
func scalar(value json.RawMessage) (string, bool) {
	if content, ok := text(value); ok {
		return content, true
	}
	var number json.Number
	return string(value), json.Unmarshal(value, &number) == nil
}

func failureDomains(value json.RawMessage) ([]FailureDomain, bool) {
	type details struct {
		ControlPlane *bool             `json:"control_plane"`
		Attributes   map[string]string `json:"attributes"`
	}
	byName := map[string]details{}
	var list []string
	switch {
	case json.Unmarshal(value, &list) == nil:
		for _, name := range list {
			byName[name] = details{}
		}
	case json.Unmarshal(value, &byName) != nil:
		return nil, false
	}
	var domains []FailureDomain
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		if name == "" || len(name) > 256 { // what Cluster API accepts
			return nil, false
		}
		domains = append(domains, FailureDomain{Name: name, ControlPlane: byName[name].ControlPlane, Attributes: byName[name].Attributes})
	}
	return domains, true
}
