package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/captproject/capt/dev/environment"
)

const (
	// processBound is how long the processes of the last run may take to end
	// after the last object is gone.
	processBound    = 10 * time.Second
	processInterval = 100 * time.Millisecond
)

// checkNothingLeft fails if the deleted Cluster has left anything.
func (d *demo) checkNothingLeft(ctx context.Context) error {
	d.tell.say("Looking for anything that was left")
	objects, err := leftObjects(ctx, d.env.Client, demoNamespace)
	if err != nil {
		return err
	}
	things, err := leftThings(ctx, d.env)
	if err != nil {
		return err
	}
	if left := append(objects, things...); len(left) > 0 {
		return fmt.Errorf("the deleted Cluster has left:\n  %s", strings.Join(left, "\n  "))
	}
	d.tell.say("  nothing is left: no process, no Secret, no Lease, no state, no file")
	return nil
}

// leftObjects names what is still in the namespace of what only the Cluster
// brought there. State is kept in Secrets, and its lock is a Lease.
func leftObjects(ctx context.Context, c client.Client, namespace string) ([]string, error) {
	lists := []client.ObjectList{&corev1.SecretList{}, &coordinationv1.LeaseList{}}
	for _, k := range kinds {
		lists = append(lists, k.list.DeepCopyObject().(client.ObjectList))
	}
	var left []string
	for _, list := range lists {
		if err := c.List(ctx, list, client.InNamespace(namespace)); err != nil {
			return nil, fmt.Errorf("look for what was left: %w", err)
		}
		err := meta.EachListItem(list, func(item runtime.Object) error {
			kind, err := c.GroupVersionKindFor(item)
			left = append(left, kind.Kind+" "+item.(client.Object).GetName())
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("look for what was left: %w", err)
		}
	}
	return left, nil
}

// leftThings names the processes and files that are still there once the
// processes have had time to end.
func leftThings(ctx context.Context, env *environment.Environment) ([]string, error) {
	bound := time.After(processBound)
	tick := time.NewTicker(processInterval)
	defer tick.Stop()
	for {
		left, err := env.Leftovers()
		if err != nil || len(left) == 0 {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-bound:
			return left, nil
		case <-tick.C:
		}
	}
}
