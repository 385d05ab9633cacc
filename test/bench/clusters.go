package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
)

// clusterCounts are how many Clusters are created at once, one after the other.
var clusterCounts = []int{50, 200}

// clusters is what it took to make Clusters that were created at once.
type clusters struct {
	// Clusters are those created, with runs for two modules each, Parallel runs at
	// a time.
	Clusters int `json:"clusters"`
	Parallel int `json:"parallel"`
	// Seconds from just before the first was created until the kubeconfig Secret of
	// the last was written, and until Cluster API core called the last Available.
	Published float64 `json:"published"`
	Available float64 `json:"available"`
	// CLI is how many seconds the modules of as many clusters took by hand.
	CLI float64 `json:"cli"`
	// Requests to the API server of the management cluster until all were
	// Available.
	Manager demand `json:"manager"`
	Runners demand `json:"runners"`
	Core    demand `json:"core"`
	// What CAPT's manager had resident before the Clusters were created, at most
	// until shortly after they were Available, and then.
	BeforeBytes float64 `json:"beforeBytes"`
	PeakBytes   float64 `json:"peakBytes"`
	AfterBytes  float64 `json:"afterBytes"`
}

// allClusters measures on a management cluster for each count: neither the manager
// nor what is measured afterwards shall know of the Clusters of another. With an
// error it returns what was measured before.
func (b *bench) allClusters(ctx context.Context) ([]*clusters, error) {
	var all []*clusters
	for _, count := range clusterCounts {
		m, err := b.apart(ctx, count)
		if err != nil {
			return all, fmt.Errorf("%d Clusters: %w", count, err)
		}
		b.say("%d Clusters: all Available in %.1f s, by the bare CLI %.1f s", count, m.Available, m.CLI)
		all = append(all, m)
	}
	return all, nil
}

// apart measures on a management cluster of its own.
func (b *bench) apart(ctx context.Context, count int) (_ *clusters, err error) {
	other, err := newBench(ctx, b.env.Programs, b.started)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, other.env.Stop()) }()
	return other.clusters(ctx, count)
}

// clusters measures by CAPT and then by hand.
func (b *bench) clusters(ctx context.Context, count int) (*clusters, error) {
	s, err := readScenario(b.env.Programs.Checkout(), terraformData)
	if err != nil {
		return nil, err
	}
	namespaces, err := b.prepareMany(ctx, s, manyClusters, count)
	if err != nil {
		return nil, err
	}
	m := &clusters{Clusters: count, Parallel: parallelRuns, BeforeBytes: residentBytes(b.env.ManagerPID())}
	if err := b.clustersByCAPT(ctx, m, s, namespaces); err != nil {
		return nil, fmt.Errorf("by CAPT: %w", err)
	}
	m.CLI, err = atOnce(ctx, count, func(ctx context.Context, i int) error {
		h, err := b.newHand(s, namespaces[i])
		if err != nil {
			return err
		}
		return b.applyBoth(ctx, h, s, namespaces[i])
	})
	if err != nil {
		return nil, fmt.Errorf("by hand: %w", err)
	}
	return m, nil
}

func (b *bench) clustersByCAPT(ctx context.Context, m *clusters, s *scenario, namespaces []string) error {
	start := time.Now()
	if err := b.makeMany(ctx, s, namespaces); err != nil {
		return err
	}
	m.Available = time.Since(start).Seconds()
	ours, err := b.env.Requests(start)
	if err != nil {
		return err
	}
	cores, err := b.env.CoreRequests(start)
	if err != nil {
		return err
	}
	m.Manager, m.Runners = demandOf(ours, managerAgent, m.Clusters), demandOf(ours, runnerAgent, m.Clusters)
	m.Core = demandOf(cores, "", m.Clusters)
	last, err := published(ours, s.cluster.Name+"-kubeconfig")
	if err != nil {
		return err
	}
	m.Published = last.Sub(start).Seconds()
	if err := b.pass(ctx, restSettle); err != nil {
		return err
	}
	m.AfterBytes, m.PeakBytes, err = memory(b.env.ManagerPID())
	return err
}

// published is when CAPT's manager wrote the last Secret of this name.
func published(requests []auditv1.Event, name string) (time.Time, error) {
	written := milestone{agent: managerAgent, verb: "create", resource: "secrets", nameEnd: name}
	for _, request := range slices.Backward(requests) {
		if written.met(request) {
			return request.RequestReceivedTimestamp.Time, nil
		}
	}
	return time.Time{}, fmt.Errorf("no request wrote a Secret %s", name)
}

func clustersTable(text *strings.Builder, all []*clusters) {
	fmt.Fprintf(text, "\nClusters created at once, with modules that do next to nothing, %d runs at a time, Process executor\n", all[0].Parallel)
	columns(text, func(line func(string, ...any)) {
		row := func(what, format string, of func(*clusters) float64) {
			for _, m := range all {
				what += fmt.Sprintf("\t"+format, of(m))
			}
			line("%s", what)
		}
		row("", "%.0f Clusters", func(m *clusters) float64 { return float64(m.Clusters) })
		row("seconds until all are Available", "%.1f", func(m *clusters) float64 { return m.Available })
		row("seconds until all have their kubeconfig Secret", "%.1f", func(m *clusters) float64 { return m.Published })
		row("seconds of the bare CLI for both modules of each", "%.1f", func(m *clusters) float64 { return m.CLI })
		for _, by := range []struct {
			name string
			of   func(*clusters) demand
		}{
			{"CAPT's manager", func(m *clusters) demand { return m.Manager }},
			{"CAPT's runners", func(m *clusters) demand { return m.Runners }},
			{"Cluster API core", func(m *clusters) demand { return m.Core }},
		} {
			row("API writes per Cluster until all are Available, "+by.name, "%.1f", func(m *clusters) float64 { return by.of(m).Writes })
			row("API reads, "+by.name, "%.1f", func(m *clusters) float64 { return by.of(m).Reads })
		}
		row("memory of CAPT's manager before", "%.0f MiB", func(m *clusters) float64 { return m.BeforeBytes / mebibyte })
		row("  at most", "%.0f MiB", func(m *clusters) float64 { return m.PeakBytes / mebibyte })
		row("  after", "%.0f MiB", func(m *clusters) float64 { return m.AfterBytes / mebibyte })
	})
}
