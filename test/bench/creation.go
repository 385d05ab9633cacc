package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// creation is how long clusters of a scenario took. All times are in seconds,
// and the n-th of each list are of the same round.
type creation struct {
	Scenario string `json:"scenario"`
	// CAPT is the time from just before the Cluster was created to its
	// kubeconfig Secret, as a watch tells.
	CAPT []float64 `json:"capt"`
	// Phases are what these times consist of.
	Phases []phase `json:"phases"`
	// CLI is the time that both modules took by hand, one after the other.
	CLI []float64 `json:"cli"`
	// Commands are what these times consist of.
	Commands []phase `json:"commands"`
	// FirstCAPT and FirstCLI are those of the round before, which is not
	// counted: caches were cold.
	FirstCAPT float64 `json:"firstCAPT"`
	FirstCLI  float64 `json:"firstCLI"`
}

// phase is a part of what is measured.
type phase struct {
	Name string `json:"name"`
	// Core tells that it is Cluster API core that takes this time.
	Core    bool      `json:"core"`
	Seconds []float64 `json:"seconds"`
}

// core is the part of the times by CAPT that Cluster API core takes.
func (c *creation) core() []float64 {
	total := make([]float64, len(c.CAPT))
	for _, p := range c.Phases {
		if p.Core {
			total = pairwise(total, p.Seconds, func(a, b float64) float64 { return a + b })
		}
	}
	return total
}

// creation measures a scenario by CAPT and by hand in turn.
func (b *bench) creation(ctx context.Context, name string, rounds int) (*creation, error) {
	s, err := readScenario(b.env.Programs.Checkout(), name)
	if err != nil {
		return nil, err
	}
	c := &creation{Scenario: name, Phases: newPhases(), Commands: newCommands()}
	for round := range rounds + 1 {
		if err := b.round(ctx, s, c, round); err != nil {
			return nil, fmt.Errorf("round %d: %w", round, err)
		}
	}
	return c, nil
}

// round measures once. Round 0 warms up.
func (b *bench) round(ctx context.Context, s *scenario, c *creation, round int) error {
	namespace := fmt.Sprintf("%s-%d", strings.ReplaceAll(c.Scenario, "_", "-"), round)
	if err := b.prepare(ctx, s, namespace); err != nil {
		return err
	}
	total, phases, err := b.byCAPT(ctx, s, namespace)
	if err != nil {
		return fmt.Errorf("by CAPT: %w", err)
	}
	commands, err := b.byHand(ctx, s, namespace)
	if err != nil {
		return fmt.Errorf("by hand: %w", err)
	}
	byHand := sum(commands)
	b.say("%s, round %d: CAPT %.2f s, bare CLI %.2f s", c.Scenario, round, total, byHand)
	if round == 0 {
		c.FirstCAPT, c.FirstCLI = total, byHand
		return nil
	}
	c.CAPT, c.CLI = append(c.CAPT, total), append(c.CLI, byHand)
	add(c.Phases, phases)
	add(c.Commands, commands)
	return nil
}

// add adds the times of a round.
func add(phases []phase, seconds []float64) {
	for i := range phases {
		phases[i].Seconds = append(phases[i].Seconds, seconds[i])
	}
}

// byCAPT has CAPT make a cluster, and delete it once it is measured.
func (b *bench) byCAPT(ctx context.Context, s *scenario, namespace string) (total float64, phases []float64, err error) {
	w, err := b.watchOne(ctx, &corev1.SecretList{}, namespace, s.cluster.Name+"-kubeconfig")
	if err != nil {
		return 0, nil, err
	}
	start := time.Now()
	if err := b.create(ctx, s.objects, namespace); err != nil {
		w.Stop()
		return 0, nil, err
	}
	if err := b.until(ctx, w, func(event watch.Event) bool { return event.Type == watch.Added }); err != nil {
		return 0, nil, fmt.Errorf("wait for the Secret: %w", err)
	}
	end := time.Now()
	requests, err := b.env.Requests(start)
	if err != nil {
		return 0, nil, err
	}
	if phases, err = split(start, end, requests, namespace); err != nil {
		return 0, nil, err
	}
	return end.Sub(start).Seconds(), phases, b.delete(ctx, s, namespace)
}
