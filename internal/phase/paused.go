package phase

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/conditions"
	"sigs.k8s.io/cluster-api/util/paused"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// EnsurePausedCondition tells whether an object, or the Cluster that it belongs to, is
// paused, nil if there is none, and whether that has just been written, which wakes us.
//
// It is Cluster API's, but for an object that is new and not paused, as most are: the
// condition is then only set, and written with all else.
func EnsurePausedCondition(ctx context.Context, c client.Client, cluster *clusterv1.Cluster, obj Object) (isPaused, requeue bool, err error) {
	if !conditions.Has(obj, clusterv1.PausedCondition) {
		conditions.Set(obj, metav1.Condition{
			Type: clusterv1.PausedCondition, Status: metav1.ConditionFalse, Reason: clusterv1.NotPausedReason,
			ObservedGeneration: obj.GetGeneration(),
		})
	}
	return paused.EnsurePausedCondition(ctx, c, cluster, obj)
}
