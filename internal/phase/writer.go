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
// more, which wakes everybody who watches. What we write conditions of has no other
// owner of conditions, which is what that is for.
type Writer struct {
	client client.Client
	// before is the object as it was: its status, and all else.
	before, beforeStatus *unstructured.Unstructured
}

// NewWriter remembers obj as it is.
func NewWriter(c client.Client, obj client.Object) (*Writer, error) {
	w := &Writer{client: c}
	var err error
	w.before, w.beforeStatus, err = w.divide(obj)
	return w, err
}

// Write writes metadata and spec first, then all of the status at once; of either
// nothing, if nothing has changed. It is a conflict if there is a version by now that
// obj was not made from.
func (w *Writer) Write(ctx context.Context, obj client.Object) error {
	after, status, err := w.divide(obj)
	if err != nil {
		return err
	}
	// Whoever removes the last finalizer has no status to write any more.
	gone := !obj.GetDeletionTimestamp().IsZero() && len(obj.GetFinalizers()) == 0
	if !equality.Semantic.DeepEqual(w.before, after) {
		if err := w.client.Patch(ctx, after, onto(w.before)); err != nil {
			if gone {
				err = client.IgnoreNotFound(err) // our cache had not seen it
			}
			return wrap(err, "metadata")
		}
		w.beforeStatus.SetResourceVersion(after.GetResourceVersion())
	}
	status.SetResourceVersion(w.beforeStatus.GetResourceVersion())
	if gone || equality.Semantic.DeepEqual(w.beforeStatus, status) {
		return nil
	}
	return wrap(w.client.Status().Patch(ctx, status, onto(w.beforeStatus)), "status")
}

// Finish ends a reconcile: it writes what has changed since the writer was made, and
// returns the result and the error of Run. A conflict is ordinary, and no failure to
// show: there is a version that our cache has not seen.
func Finish(ctx context.Context, w *Writer, obj client.Object, result ctrl.Result, err error) (ctrl.Result, error) {
	written := w.Write(ctx, obj)
	if apierrors.IsConflict(written) {
		result.RequeueAfter = earliest(result.RequeueAfter, firstConflictDelay)
		return result, err
	}
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
func (w *Writer) divide(obj client.Object) (rest, status *unstructured.Unstructured, err error) {
	kind, err := apiutil.GVKForObject(obj, w.client.Scheme())
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
