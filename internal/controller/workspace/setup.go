package workspace

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/predicates"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// Indexes of workspaces in the cache.
const (
	byTemplate   = "workspace.template"
	byDependency = "workspace.dependency"
)

// SetupWithManager has the manager run the reconciler when a workspace changes
// or anything that it was rendered from, waits for or made.
func (r *Reconciler) SetupWithManager(ctx context.Context, mgr manager.Manager, options controller.Options) error {
	if err := index(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	changed := builder.WithPredicates(predicate.ResourceVersionChangedPredicate{})
	owner := handler.EnqueueRequestForOwner(mgr.GetScheme(), mgr.GetRESTMapper(), &infrav1.WorkspaceTemplateApply{}, handler.OnlyControllerOwner())
	return builder.ControllerManagedBy(mgr).
		Named("workspacetemplateapply").
		For(&infrav1.WorkspaceTemplateApply{}).
		Owns(&infrav1.WorkspaceRun{}).
		Watches(&infrav1.WorkspaceTemplate{}, handler.EnqueueRequestsFromMapFunc(r.ofTemplate)).
		Watches(&infrav1.WorkspaceTemplateApply{}, handler.EnqueueRequestsFromMapFunc(r.ofDependency)).
		Watches(&infrav1.WorkspaceTemplateApply{}, handler.EnqueueRequestsFromMapFunc(ofDependent)).
		Watches(&clusterv1.Cluster{}, handler.EnqueueRequestsFromMapFunc(r.ofCluster),
			builder.WithPredicates(predicates.ClusterPausedTransitions(mgr.GetScheme(), mgr.GetLogger()))).
		WatchesMetadata(&corev1.Secret{}, owner, changed).
		WatchesMetadata(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.ofReference("Secret")), changed).
		WatchesMetadata(&corev1.ConfigMap{}, handler.EnqueueRequestsFromMapFunc(r.ofReference("ConfigMap")), changed).
		WatchesMetadata(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(r.ofNamespace), builder.WithPredicates(predicate.LabelChangedPredicate{})).
		WithOptions(options).
		Complete(r)
}

func index(ctx context.Context, indexer client.FieldIndexer) error {
	err := indexer.IndexField(ctx, &infrav1.WorkspaceTemplateApply{}, byTemplate, func(obj client.Object) []string {
		return []string{templateKey(obj.(*infrav1.WorkspaceTemplateApply)).String()}
	})
	if err != nil {
		return err
	}
	return indexer.IndexField(ctx, &infrav1.WorkspaceTemplateApply{}, byDependency, func(obj client.Object) []string {
		return dependencies(obj.(*infrav1.WorkspaceTemplateApply))
	})
}

// templateKey is where the template of a workspace is.
func templateKey(workspace *infrav1.WorkspaceTemplateApply) types.NamespacedName {
	ref := workspace.Spec.TemplateRef
	if ref.Namespace == "" {
		return types.NamespacedName{Namespace: workspace.Namespace, Name: ref.Name}
	}
	return types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name}
}

// ofTemplate returns the workspaces made from a template.
func (r *Reconciler) ofTemplate(ctx context.Context, template client.Object) []reconcile.Request {
	return r.matching(ctx, client.MatchingFields{byTemplate: client.ObjectKeyFromObject(template).String()})
}

// ofDependency returns the workspaces that wait for another.
func (r *Reconciler) ofDependency(ctx context.Context, other client.Object) []reconcile.Request {
	return r.matching(ctx, client.MatchingFields{byDependency: other.GetName()}, client.InNamespace(other.GetNamespace()))
}

// ofDependent returns what a workspace waits for, or did before it was changed: it
// may be waiting to be destroyed. (Of a change, both versions come here.)
func ofDependent(_ context.Context, dependent client.Object) []reconcile.Request {
	var requests []reconcile.Request
	for _, name := range dependencies(dependent.(*infrav1.WorkspaceTemplateApply)) {
		requests = append(requests, reconcile.Request{NamespacedName: types.NamespacedName{Namespace: dependent.GetNamespace(), Name: name}})
	}
	return requests
}

// ofCluster returns the workspaces of a Cluster: they are paused with it.
func (r *Reconciler) ofCluster(ctx context.Context, cluster client.Object) []reconcile.Request {
	return r.matching(ctx, client.InNamespace(cluster.GetNamespace()), client.MatchingLabels{clusterv1.ClusterNameLabel: cluster.GetName()})
}

// ofNamespace returns the workspaces in a namespace that use a template of
// another: its labels may allow that or not.
func (r *Reconciler) ofNamespace(ctx context.Context, namespace client.Object) []reconcile.Request {
	return slices.DeleteFunc(r.matching(ctx, client.InNamespace(namespace.GetName())), func(request reconcile.Request) bool {
		workspace := &infrav1.WorkspaceTemplateApply{}
		err := r.Client.Get(ctx, request.NamespacedName, workspace)
		return err != nil || templateKey(workspace).Namespace == namespace.GetName()
	})
}

// ofReference returns the workspaces that were rendered from an object.
func (r *Reconciler) ofReference(kind string) handler.MapFunc {
	return func(_ context.Context, obj client.Object) []reconcile.Request {
		return r.references.of(reference{kind: kind, key: client.ObjectKeyFromObject(obj)})
	}
}

// matching returns the workspaces that the options select.
func (r *Reconciler) matching(ctx context.Context, options ...client.ListOption) []reconcile.Request {
	list := &infrav1.WorkspaceTemplateApplyList{}
	if err := r.Client.List(ctx, list, options...); err != nil {
		return nil // reading the cache fails only while the manager stops
	}
	requests := make([]reconcile.Request, 0, len(list.Items))
	for i := range list.Items {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
	}
	return requests
}
