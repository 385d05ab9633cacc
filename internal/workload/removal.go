package workload

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
)

// remove deletes everything that was made. A token of the account may delete
// nothing once the binding is gone, and is none once the ServiceAccount is. So the
// ServiceAccount is left to the binding before that is deleted: the garbage
// collector of the cluster deletes it if we may not any more.
func (a Account) remove(ctx context.Context, c client.Client) error {
	objects := Account{ControlPlane: a.ControlPlane}.objects()
	account, binding := objects[0], objects[1]
	for _, obj := range []client.Object{objects[3], objects[2]} {
		if err := a.delete(ctx, c, obj); err != nil {
			return err
		}
	}
	left, err := a.leave(ctx, c, account, binding)
	if err != nil {
		return err
	}
	if err := a.delete(ctx, c, binding); err != nil {
		return err
	}
	if err := a.delete(ctx, c, account); err != nil && !left {
		return err
	}
	return nil
}

// leave makes the account go with its binding, and tells whether it will. It does
// not if one of them is not there or not ours, or if we may not change it.
func (a Account) leave(ctx context.Context, c client.Client, account, binding client.Object) (bool, error) {
	for _, obj := range []client.Object{account, binding} {
		if err := c.Get(ctx, client.ObjectKeyFromObject(obj), obj); err != nil {
			return false, client.IgnoreNotFound(err)
		}
		if !a.owns(obj) {
			return false, nil
		}
	}
	before := account.DeepCopyObject().(client.Object)
	if err := controllerutil.SetOwnerReference(binding, account, c.Scheme()); err != nil {
		return false, err
	}
	err := c.Patch(ctx, account, client.MergeFrom(before))
	if apierrors.IsForbidden(err) {
		return false, nil
	}
	return err == nil, err
}

// delete deletes an object if it is there and ours, and has what it owns deleted.
func (a Account) delete(ctx context.Context, c client.Client, obj client.Object) error {
	err := c.Get(ctx, client.ObjectKeyFromObject(obj), obj)
	if err == nil && a.owns(obj) {
		uid := obj.GetUID()
		err = c.Delete(ctx, obj, client.Preconditions{UID: &uid}, client.PropagationPolicy(metav1.DeletePropagationBackground))
	}
	return client.IgnoreNotFound(err)
}
