package main

import (
	"strings"

	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"github.com/captproject/capt/dev/environment"
)

// demand is how many requests there were for each Cluster, on average. Those about
// the lease by which managers elect their leader are left out.
type demand struct {
	Writes float64 `json:"writes"`
	// Reads include watches, which count when they begin.
	Reads float64 `json:"reads"`
	// Kinds are both, by "verb resource".
	Kinds map[string]float64 `json:"kinds"`
}

// demandOf is the demand of those whose user agent begins like this.
func demandOf(requests []auditv1.Event, agent string, clusters int) demand {
	writes, kinds, all := 0, map[string]int{}, 0
	for _, request := range requests {
		if !strings.HasPrefix(request.UserAgent, agent) || ofElection(request) {
			continue
		}
		all++
		kinds[kindOf(request)]++
		if environment.IsWrite(request) {
			writes++
		}
	}
	each := func(count int) float64 { return float64(count) / float64(clusters) }
	d := demand{Writes: each(writes), Reads: each(all - writes), Kinds: map[string]float64{}}
	for kind, count := range kinds {
		d.Kinds[kind] = each(count)
	}
	return d
}

// kindOf is what was done to which resource.
func kindOf(request auditv1.Event) string {
	object := request.ObjectRef
	switch {
	case object == nil:
		return request.Verb + " " + request.RequestURI
	case object.Subresource != "":
		return request.Verb + " " + object.Resource + "/" + object.Subresource
	}
	return request.Verb + " " + object.Resource
}
