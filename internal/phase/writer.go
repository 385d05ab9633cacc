package phase

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// Writer writes what a reconcile has changed of an object.
//
// Cluster API's patch.Helper writes the conditions, for themselves, before all else. So
// for a moment they speak of what cannot be read yet, and each reconcile makes a version
// more, which wakes everybody who watches. It does so for objects whose conditions have
// several owners. Ours have one.
type Writer struct {
	client client.Client
	// before is the object as it was: its status, and all else.
	before, beforeStatus *unstructured.Unstructured
}

// NewWriter remembers obj as it is.
func NewWriter(c client.Client, obj client.Object) (*Writer, error) {
	before, status, err := divide(c, obj)
	if err != nil {
		return nil, err
	}
	return &Writer{client: c, before: before, beforeStatus: status}, nil
}

// Write writes metadata and spec first, then all of the status at once; of either
// nothing, if nothing has changed. It is a conflict if there is a version by now that
// obj was not made from. Where an admission refuses the former, the status tells what
// there is to tell nevertheless.
func (w *Writer) Write(ctx context.Context, obj client.Object) error {
	after, status, err := divide(w.client, obj)
	if err != nil {
		return err
	}
	if !equality.Semantic.DeepEqual(w.before, after) {
		err = w.client.Patch(ctx, after, onto(w.before))
	}
	// Whoever has removed the last finalizer has no status to write any more.
	if !obj.GetDeletionTimestamp().IsZero() && len(obj.GetFinalizers()) == 0 {
		return wrap(client.IgnoreNotFound(err), "metadata") // our cache may not have seen it go
	}
	if apierrors.IsConflict(err) {
		return wrap(err, "metadata and spec")
	}
	for _, s := range []*unstructured.Unstructured{w.beforeStatus, status} {
		s.SetResourceVersion(after.GetResourceVersion())
	}
	var statusErr error
	if !equality.Semantic.DeepEqual(w.beforeStatus, status) {
		statusErr = w.client.Status().Patch(ctx, status, onto(w.beforeStatus))
	}
	return errors.Join(wrap(err, "metadata and spec"), wrap(statusErr, "status"))
}

// Finish ends a reconcile: it writes what has changed since the writer was made, and
// returns the result and the error of Run. A conflict is ordinary, and no failure to
// show: there is a version that our cache has not seen.
func Finish(ctx context.Context, reporter Reporter, w *Writer, obj Object, result ctrl.Result, err error) (ctrl.Result, error) {
	written := w.Write(ctx, obj)
	if apierrors.IsConflict(written) {
		result.RequeueAfter = earliest(result.RequeueAfter, reporter.unseen.next(obj))
		return result, err
	}
	reporter.unseen.forget(obj)
	return result, errors.Join(err, written)
}

func wrap(err error, what string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("writing the %s: %w", what, err)
}

// onto is a patch that is refused if there is another version.
func onto(before client.Object) client.Patch {
	return client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
}

// divide gives an object without its status, and the status with nothing but what
// says whose it is.
func divide(c client.Client, obj client.Object) (rest, status *unstructured.Unstructured, err error) {
	kind, err := apiutil.GVKForObject(obj, c.Scheme())
	if err != nil {
		return nil, nil, err
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return nil, nil, err
	}
	rest, status = &unstructured.Unstructured{Object: content}, &unstructured.Unstructured{Object: map[string]any{}}
	if content["status"] != nil {
		status.Object["status"] = content["status"]
		delete(content, "status")
	}
	for _, part := range []*unstructured.Unstructured{rest, status} {
		part.SetGroupVersionKind(kind)
		part.SetNamespace(obj.GetNamespace())
		part.SetName(obj.GetName())
		part.SetResourceVersion(obj.GetResourceVersion())
	}
	return rest, status, nil
}
