package main

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// change is what a watch reports, or why it has ended.
type change struct {
	kind   string
	event  watch.EventType
	object object
	err    error
}

// observe reports what there is of all kinds of the story in the namespace,
// and then each change, until the context ends.
func observe(ctx context.Context, c client.WithWatch, namespace string) (<-chan change, error) {
	changes := make(chan change)
	for _, k := range kinds {
		list := k.list.DeepCopyObject().(client.ObjectList)
		w, err := c.Watch(ctx, list, client.InNamespace(namespace))
		if err != nil {
			return nil, fmt.Errorf("watch every %s in the namespace %s: %w", k.name, namespace, err)
		}
		go forward(ctx, k.name, w, changes)
	}
	return changes, nil
}

func forward(ctx context.Context, kind string, w watch.Interface, changes chan<- change) {
	defer w.Stop()
	for event := range w.ResultChan() {
		next := change{kind: kind, event: event.Type}
		var ok bool
		if next.object, ok = event.Object.(object); !ok {
			next.err = fmt.Errorf("watch every %s: %w", kind, apierrors.FromObject(event.Object))
		}
		select {
		case changes <- next:
		case <-ctx.Done():
			return
		}
	}
	select {
	case changes <- change{err: fmt.Errorf("the watch of every %s has ended", kind)}:
	case <-ctx.Done():
	}
}
