package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"github.com/captproject/capt/dev/environment"
)

const (
	restClusters = 10
	restPeriod   = 2 * time.Minute
	// restSettle is how long the last changes of the clusters may have effects.
	restSettle = 10 * time.Second
)

// atRest is what CAPT's manager did and needed while nothing happened.
type atRest struct {
	Clusters int     `json:"clusters"`
	Seconds  float64 `json:"seconds"`
	// Requests to the API server of the management cluster.
	Requests requests `json:"requests"`
	// CPUSeconds are those of user and kernel together.
	CPUSeconds float64 `json:"cpuSeconds"`
	// At the end, in bytes. The heap is what is allocated, garbage included.
	ResidentBytes float64 `json:"residentBytes"`
	HeapBytes     float64 `json:"heapBytes"`
	// PeakBytes is the most that was resident since the manager was started,
	// before the clusters were made.
	PeakBytes float64 `json:"peakBytes"`
}

// requests are the requests of a period.
type requests struct {
	// Lease are those about the lease by which managers elect their leader.
	Lease int `json:"lease"`
	// Watches began in the period.
	Watches int `json:"watches"`
	// Writes and Reads are all others, as "verb resource namespace/name".
	Writes []string `json:"writes"`
	Reads  []string `json:"reads"`
}

// rest measures CAPT's manager at rest. The manager is started anew: what was
// measured before must not show.
func (b *bench) rest(ctx context.Context) (*atRest, error) {
	if err := b.restartManager(ctx); err != nil {
		return nil, err
	}
	if err := b.makeClusters(ctx); err != nil {
		return nil, err
	}
	if err := b.pass(ctx, restSettle); err != nil {
		return nil, err
	}
	b.say("at rest: measuring for %s", restPeriod)
	pid := b.env.ManagerPID()
	start := time.Now()
	before, err := cpuSeconds(pid)
	if err != nil {
		return nil, err
	}
	if err := b.pass(ctx, restPeriod); err != nil {
		return nil, err
	}
	after, err := cpuSeconds(pid)
	if err != nil {
		return nil, err
	}
	r := &atRest{Clusters: restClusters, Seconds: time.Since(start).Seconds(), CPUSeconds: after - before}
	events, err := b.env.Requests(start)
	if err != nil {
		return nil, err
	}
	r.Requests = classify(events)
	if r.ResidentBytes, r.PeakBytes, err = memory(pid); err != nil {
		return nil, err
	}
	r.HeapBytes, err = b.metric(ctx, "go_memstats_heap_alloc_bytes")
	return r, err
}

// restartManager starts CAPT's manager anew.
func (b *bench) restartManager(ctx context.Context) error {
	if err := b.env.StopManager(syscall.SIGTERM); err != nil {
		return err
	}
	return b.env.StartManager(ctx)
}

// makeClusters makes the clusters and returns when all are Available.
func (b *bench) makeClusters(ctx context.Context) error {
	s, err := readScenario(b.env.Programs.Checkout(), terraformData)
	if err != nil {
		return err
	}
	b.say("at rest: making %d clusters", restClusters)
	namespaces, err := b.prepareMany(ctx, s, rest, restClusters)
	if err != nil {
		return err
	}
	return b.makeMany(ctx, s, namespaces)
}

// pass lets time pass.
func (b *bench) pass(ctx context.Context, period time.Duration) error {
	timer := time.NewTimer(period)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case err := <-b.env.Failed():
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// classify sorts requests by what they cost.
func classify(events []auditv1.Event) requests {
	var r requests
	for _, event := range events {
		switch {
		case ofElection(event):
			r.Lease++
		case event.Verb == "watch":
			r.Watches++
		case environment.IsWrite(event):
			r.Writes = append(r.Writes, describe(event))
		default:
			r.Reads = append(r.Reads, describe(event))
		}
	}
	return r
}

// ofElection tells whether a request is about the lease by which managers elect
// their leader. How many there are depends on the time alone.
func ofElection(event auditv1.Event) bool {
	object := event.ObjectRef
	return object != nil && object.Resource == "leases" && object.Name == managerAgent
}

func describe(event auditv1.Event) string {
	object := event.ObjectRef
	if object == nil {
		return event.Verb + " " + event.RequestURI
	}
	return fmt.Sprintf("%s %s %s/%s", event.Verb, object.Resource, object.Namespace, object.Name)
}

// metric reads one of the manager's metrics that has no labels.
func (b *bench) metric(ctx context.Context, name string) (float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.metrics+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, fmt.Errorf("read the metrics of CAPT's manager: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	if err := lines.Err(); err != nil {
		return 0, fmt.Errorf("read the metrics of CAPT's manager: %w", err)
	}
	return 0, fmt.Errorf("CAPT's manager has no metric %s", name)
}
