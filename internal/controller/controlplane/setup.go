package controlplane

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/workspace"
)

// byApply is the index of control planes by the apply that they use as it is.
const byApply = "spec.workspaceTemplateApplyName"

// SetupWithManager has the manager run the reconciler when a control plane, its
// Cluster, the Cluster's infrastructure, its workspace or one of its Secrets changes.
func (r *Reconciler) SetupWithManager(ctx context.Context, mgr manager.Manager, options controller.Options) error {
	err := mgr.GetFieldIndexer().IndexField(ctx, &controlplanev1.CAPTControlPlane{}, byApply, func(obj client.Object) []string {
		return []string{obj.(*controlplanev1.CAPTControlPlane).Spec.WorkspaceTemplateApplyName}
	})
	if err != nil {
		return err
	}
	watcher := &clockWatcher{clock: r.Clock, planes: mgr.GetClient(), jumped: make(chan event.TypedGenericEvent[types.NamespacedName])}
	if err := mgr.Add(watcher); err != nil {
		return err
	}
	changed := builder.WithPredicates(predicate.ResourceVersionChangedPredicate{})
	owner := handler.EnqueueRequestForOwner(mgr.GetScheme(), mgr.GetRESTMapper(), &controlplanev1.CAPTControlPlane{}, handler.OnlyControllerOwner())
	return builder.ControllerManagedBy(mgr).
		Named("captcontrolplane").
		For(&controlplanev1.CAPTControlPlane{}).
		Owns(&infrav1.WorkspaceTemplateApply{}).
		Watches(&infrav1.WorkspaceTemplateApply{}, handler.EnqueueRequestsFromMapFunc(r.ofApply)).
		Watches(&clusterv1.Cluster{}, handler.EnqueueRequestsFromMapFunc(ofCluster)).
		Watches(&infrav1.CAPTCluster{}, handler.EnqueueRequestsFromMapFunc(workspace.OfOwnerCluster(r.Client, ofCluster)), builder.WithPredicates(workspace.Wishes())).
		WatchesMetadata(&corev1.Secret{}, owner, changed).
		WatchesMetadata(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.ofSecretName), changed).
		WatchesRawSource(source.TypedChannel(r.Answered, itself())).
		WatchesRawSource(source.TypedChannel(watcher.jumped, itself())).
		WithOptions(options).
		Complete(r)
}

// itself has the control plane reconciled that an event is about.
func itself() handler.TypedEventHandler[types.NamespacedName, reconcile.Request] {
	return handler.TypedEnqueueRequestsFromMapFunc(func(_ context.Context, key types.NamespacedName) []reconcile.Request {
		return []reconcile.Request{{NamespacedName: key}}
	})
}

// ofApply returns the control planes that use an apply as it is.
func (r *Reconciler) ofApply(ctx context.Context, apply client.Object) []reconcile.Request {
	list := &controlplanev1.CAPTControlPlaneList{}
	if err := r.Client.List(ctx, list, client.InNamespace(apply.GetNamespace()), client.MatchingFields{byApply: apply.GetName()}); err != nil {
		return nil // reading the cache fails only while the manager stops
	}
	requests := make([]reconcile.Request, 0, len(list.Items))
	for i := range list.Items {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
	}
	return requests
}

// ofCluster returns the control plane of a Cluster.
func ofCluster(_ context.Context, obj client.Object) []reconcile.Request {
	ref := obj.(*clusterv1.Cluster).Spec.ControlPlaneRef
	if ref.APIGroup != controlplanev1.GroupVersion.Group || ref.Kind != "CAPTControlPlane" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: obj.GetNamespace(), Name: ref.Name}}}
}

// ofSecretName returns the control planes that would publish a Secret of this
// name, whoever owns it: one in the way may have gone, or lost its labels.
func (r *Reconciler) ofSecretName(ctx context.Context, secret client.Object) []reconcile.Request {
	var requests []reconcile.Request
	if plane, ok := strings.CutSuffix(secret.GetName(), "-control-plane-kubeconfig"); ok {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKey{Namespace: secret.GetNamespace(), Name: plane}})
	}
	for _, suffix := range []string{"-kubeconfig", "-ca"} {
		name, ok := strings.CutSuffix(secret.GetName(), suffix)
		if !ok {
			continue
		}
		cluster := &clusterv1.Cluster{}
		if err := r.Client.Get(ctx, client.ObjectKey{Namespace: secret.GetNamespace(), Name: name}, cluster); err == nil {
			requests = append(requests, ofCluster(ctx, cluster)...)
		}
	}
	return requests
}
