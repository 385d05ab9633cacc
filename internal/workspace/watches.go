package workspace

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/cluster-api/util"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// OfOwnerCluster returns what ofCluster says of the Cluster that owns an object: who has
// variables from it.
func OfOwnerCluster(c client.Client, ofCluster handler.MapFunc) handler.MapFunc {
	return func(ctx context.Context, obj client.Object) []reconcile.Request {
		meta := metav1.ObjectMeta{Namespace: obj.GetNamespace(), OwnerReferences: obj.GetOwnerReferences()}
		cluster, err := util.GetOwnerCluster(ctx, c, meta)
		if err != nil || cluster == nil {
			return nil // the Cluster wakes them when it is there
		}
		return ofCluster(ctx, cluster)
	}
}

// Wishes lets through a change of what a user wants of an object: the spec and the
// annotations, not the status.
func Wishes() predicate.Predicate {
	return predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{})
}
