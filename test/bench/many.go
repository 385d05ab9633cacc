package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/watch"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/conditions"
)

// parallelRuns is how many runs are under way at once, by CAPT (the default of
// --max-runs) and by hand.
const parallelRuns = 20

// atOnce does something count times, parallelRuns of them at a time, and returns how
// many seconds all of that took.
func atOnce(ctx context.Context, count int, do func(ctx context.Context, i int) error) (float64, error) {
	start := time.Now()
	workers, ctx := errgroup.WithContext(ctx)
	workers.SetLimit(parallelRuns)
	for i := range count {
		workers.Go(func() error { return do(ctx, i) })
	}
	err := workers.Wait()
	return time.Since(start).Seconds(), err
}

// prepareMany prepares as many namespaces, and returns their names.
func (b *bench) prepareMany(ctx context.Context, s *scenario, name string, count int) ([]string, error) {
	namespaces := make([]string, count)
	for i := range namespaces {
		namespaces[i] = fmt.Sprintf("%s-%d", name, i+1)
		if err := b.prepare(ctx, s, namespaces[i]); err != nil {
			return nil, err
		}
	}
	return namespaces, nil
}

// makeMany creates the cluster in each of the namespaces and returns when Cluster
// API says of each that it is Available, which is the last that changes.
func (b *bench) makeMany(ctx context.Context, s *scenario, namespaces []string) error {
	for _, namespace := range namespaces {
		if err := b.create(ctx, s.objects, namespace); err != nil {
			return err
		}
	}
	b.say("waiting until all are Available; Cluster API core connects every 30 s")
	for _, namespace := range namespaces {
		w, err := b.watchOne(ctx, &clusterv1.ClusterList{}, namespace, s.cluster.Name)
		if err != nil {
			return err
		}
		err = b.until(ctx, w, func(event watch.Event) bool {
			cluster, ok := event.Object.(*clusterv1.Cluster)
			return ok && conditions.IsTrue(cluster, clusterv1.ClusterAvailableCondition)
		})
		if err != nil {
			return fmt.Errorf("wait for Cluster %s/%s to be Available: %w", namespace, s.cluster.Name, err)
		}
	}
	return nil
}
