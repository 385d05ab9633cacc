package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
)

// milestone ends a phase: the first request like this after the one before.
type milestone struct {
	phase string
	// core tells that the phase is Cluster API core's: what CAPT adds to it are
	// milliseconds.
	core bool
	// agent is how the user agent begins.
	agent    string
	verb     string
	resource string
	// nameEnd is how the object's name ends.
	nameEnd string
}

const (
	managerAgent = "capt-manager"
	runnerAgent  = "capt-runner"
)

// milestones are what happens on the way from a Cluster to its Secret. The last
// phase ends with the Secret itself.
var milestones = slices.Concat(
	[]milestone{
		{"Cluster API core names itself the owner", true, managerAgent, "create", "workspacetemplateapplies", ""},
	},
	moduleMilestones(infrastructure),
	[]milestone{
		{"outputs read, infrastructure provisioned", false, managerAgent, "patch", "captclusters", ""},
		{"Cluster API core passes that on", true, managerAgent, "create", "workspacetemplateapplies", ""},
	},
	moduleMilestones(controlPlane),
)

func moduleMilestones(module string) []milestone {
	return []milestone{
		{module + ": inputs rendered, run made", false, managerAgent, "create", "workspaceruns", ""},
		{module + ": runner started", false, runnerAgent, "get", "secrets", ""},
		{module + ": run", false, runnerAgent, "create", "secrets", "-outputs"},
	}
}

const lastPhase = "outputs read, kubeconfig judged and published"

// newPhases are the phases without times.
func newPhases() []phase {
	var phases []phase
	for _, m := range milestones {
		phases = append(phases, phase{Name: m.phase, Core: m.core})
	}
	return append(phases, phase{Name: lastPhase})
}

func (m milestone) met(request auditv1.Event) bool {
	object := request.ObjectRef
	return strings.HasPrefix(request.UserAgent, m.agent) && request.Verb == m.verb &&
		object.Resource == m.resource && strings.HasSuffix(object.Name, m.nameEnd)
}

// split returns how long each phase took in a namespace, in seconds.
func split(start, end time.Time, requests []auditv1.Event, namespace string) ([]float64, error) {
	requests = slices.DeleteFunc(slices.Clone(requests), func(request auditv1.Event) bool {
		return request.ObjectRef == nil || request.ObjectRef.Namespace != namespace
	})
	// The log is in the order of the answers.
	slices.SortStableFunc(requests, func(a, b auditv1.Event) int {
		return a.RequestReceivedTimestamp.Compare(b.RequestReceivedTimestamp.Time)
	})
	var seconds []float64
	last := start
	for _, m := range milestones {
		at := slices.IndexFunc(requests, m.met)
		if at < 0 {
			return nil, fmt.Errorf("no request ended the phase %q", m.phase)
		}
		reached := requests[at].RequestReceivedTimestamp.Time
		seconds = append(seconds, reached.Sub(last).Seconds())
		last, requests = reached, requests[at+1:]
	}
	return append(seconds, end.Sub(last).Seconds()), nil
}
