package job

import (
	"context"
	"fmt"
	"regexp"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// failedCreate is the reason of the event that says why a Job has no pod: quota,
// admission. Nothing else says so.
const failedCreate = "FailedCreate"

// CachedObjects is what the manager's cache holds of the kinds that are watched
// here: what is ours.
func CachedObjects() (map[client.Object]cache.ByObject, error) {
	ours, err := labels.Parse(runLabel)
	if err != nil {
		return nil, fmt.Errorf("selecting what belongs to runs: %w", err)
	}
	return map[client.Object]cache.ByObject{
		&batchv1.Job{}: {Label: ours},
		&corev1.Pod{}:  {Label: ours},
		&corev1.Event{}: {Field: fields.SelectorFromSet(fields.Set{
			"involvedObject.kind": "Job", "reason": failedCreate,
		})},
	}, nil
}

// Sources is described by opentofu.Executor.
func (e *Executor) Sources() []source.Source {
	return []source.Source{
		source.Kind(e.Cache, &batchv1.Job{}, handler.TypedEnqueueRequestsFromMapFunc(func(_ context.Context, job *batchv1.Job) []reconcile.Request {
			return runOf(job)
		})),
		source.Kind(e.Cache, &corev1.Pod{}, handler.TypedEnqueueRequestsFromMapFunc(func(_ context.Context, pod *corev1.Pod) []reconcile.Request {
			return runOf(pod)
		})),
		source.Kind(e.Cache, &corev1.Event{}, handler.TypedEnqueueRequestsFromMapFunc(e.ofEvent)),
	}
}

// runOf returns the run that a Job or a pod belongs to.
func runOf(object client.Object) []reconcile.Request {
	name, found := object.GetAnnotations()[runAnnotation]
	if !found {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: object.GetNamespace(), Name: name}}}
}

// ofEvent returns the run whose Job an event is about.
func (e *Executor) ofEvent(ctx context.Context, event *corev1.Event) []reconcile.Request {
	job := &batchv1.Job{}
	key := client.ObjectKey{Namespace: event.InvolvedObject.Namespace, Name: event.InvolvedObject.Name}
	if err := e.Cache.Get(ctx, key, job); err != nil {
		return nil // it is not of a run
	}
	return runOf(job)
}

// whyNoPod says why a Job has no pod.
func (e *Executor) whyNoPod(ctx context.Context, job *batchv1.Job) (string, error) {
	events := &corev1.EventList{}
	about := client.MatchingFields{"involvedObject.uid": string(job.UID), "reason": failedCreate}
	if err := e.Live.List(ctx, events, client.InNamespace(job.Namespace), about); err != nil {
		return "", fmt.Errorf("listing the events of Job %s: %w", job.Name, err)
	}
	var last corev1.Event
	for _, event := range events.Items {
		if !event.LastTimestamp.Before(&last.LastTimestamp) {
			last = event
		}
	}
	if last.Message == "" {
		return waitsForPod, nil
	}
	// Each try has another name.
	name := regexp.MustCompile(regexp.QuoteMeta(job.Name) + `-[a-z0-9]+`)
	return "its pod cannot be made: " + name.ReplaceAllString(last.Message, job.Name), nil
}
