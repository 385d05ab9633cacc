package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/captproject/capt/dev/environment"
)

// waitBound is how long anything may take that is waited for.
const waitBound = 10 * time.Minute

// bench is one management cluster and what is measured on it.
type bench struct {
	env     *environment.Environment
	started time.Time
	// metrics is the address at which CAPT's manager serves its metrics.
	metrics string
}

// newBench starts the management cluster. CAPT's manager serves metrics, for
// the size of its heap. What is told to the person who waits begins with the time
// since started.
func newBench(ctx context.Context, programs environment.Programs, started time.Time) (*bench, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("find a free port: %w", err)
	}
	b := &bench{started: started, metrics: listener.Addr().String()}
	if err := listener.Close(); err != nil {
		return nil, fmt.Errorf("find a free port: %w", err)
	}
	b.say("starting a management cluster")
	b.env, err = environment.Start(ctx, environment.Options{
		Programs:    &programs,
		ManagerArgs: []string{"--metrics-bind-address=" + b.metrics},
	})
	return b, err
}

// say tells the person who waits what happens.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%6.1f s  %s\n", time.Since(b.started).Seconds(), fmt.Sprintf(format, args...))
}

// measure measures what is asked for, and goes on where something fails.
func (b *bench) measure(ctx context.Context, options options, r *report) {
	for _, part := range b.parts(options, r) {
		if !slices.Contains(options.only, part.name) || ctx.Err() != nil {
			continue
		}
		if err := part.measure(ctx); err != nil {
			r.failed(part.name, err)
		}
	}
}

// part is one that can be asked for.
type part struct {
	name    string
	measure func(context.Context) error
}

// parts put what they have measured into the report.
func (b *bench) parts(options options, r *report) []part {
	creation := func(module string) func(context.Context) error {
		return func(ctx context.Context) error {
			measured, err := b.creation(ctx, module, options.rounds)
			if err == nil {
				r.Creation = append(r.Creation, measured)
			}
			return err
		}
	}
	return []part{
		{localkube, creation(localkube)},
		{terraformData, creation(terraformData)},
		{kubeconfigs, func(ctx context.Context) (err error) {
			r.Secrets, err = b.secrets(ctx)
			return err
		}},
		{manyRuns, func(ctx context.Context) (err error) {
			r.Throughput, err = b.throughput(ctx)
			return err
		}},
		{manyClusters, func(ctx context.Context) (err error) {
			r.Clusters, err = b.allClusters(ctx)
			return err
		}},
		{plugin, func(ctx context.Context) (err error) {
			r.Plugins, err = b.plugins(ctx, options.rounds)
			return err
		}},
		{rest, func(ctx context.Context) (err error) {
			r.Rest, err = b.rest(ctx)
			return err
		}},
	}
}

// until reads a watch until an event is met, and ends it.
func (b *bench) until(ctx context.Context, w watch.Interface, met func(watch.Event) bool) error {
	defer w.Stop()
	bound := time.NewTimer(waitBound)
	defer bound.Stop()
	for {
		select {
		case event, open := <-w.ResultChan():
			switch {
			case !open:
				return errors.New("the watch has ended")
			case event.Type == watch.Error:
				return apierrors.FromObject(event.Object)
			case met(event):
				return nil
			}
		case err := <-b.env.Failed():
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-bound.C:
			return fmt.Errorf("nothing came in %s", waitBound)
		}
	}
}

// watchOne watches the object with this name.
func (b *bench) watchOne(ctx context.Context, list client.ObjectList, namespace, name string) (watch.Interface, error) {
	w, err := b.env.Client.Watch(ctx, list, client.InNamespace(namespace), client.MatchingFields{"metadata.name": name})
	if err != nil {
		return nil, fmt.Errorf("watch %s/%s: %w", namespace, name, err)
	}
	return w, nil
}
