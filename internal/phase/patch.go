package phase

import (
	"context"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kerrors "k8s.io/apimachinery/pkg/util/errors"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/conditions"
	"sigs.k8s.io/cluster-api/util/patch"
)

// Patch sums up the conditions of obj in the condition summary, with the reason
// Ready, NotReady or ReadyUnknown if that is its name, and writes what has
// changed since helper was made: nothing, if nothing has. These conditions, and
// those beside them that the summary says nothing of, are owned by the controller
// that calls. So is Deleting, in the words of Cluster API's own kinds.
func Patch(ctx context.Context, helper *patch.Helper, obj Object, summary string, of []string, beside ...string) error {
	setDeleting(obj, of)
	reasons := conditions.GetDefaultComputeMergeReasonFunc("Not"+summary, summary+"Unknown", summary)
	strategy := conditions.DefaultMergeStrategy(conditions.ComputeReasonFunc(reasons))
	err := conditions.SetSummaryCondition(obj, obj, summary, conditions.ForConditionTypes(of), conditions.CustomMergeStrategy{MergeStrategy: strategy})
	if err != nil {
		return fmt.Errorf("summing up the conditions %v: %w", of, err)
	}
	owned := patch.WithOwnedConditions{Conditions: slices.Concat([]string{summary, clusterv1.DeletingCondition}, of, beside)}
	err = helper.Patch(ctx, obj, owned)
	var all kerrors.Aggregate
	if !obj.GetDeletionTimestamp().IsZero() && len(obj.GetFinalizers()) == 0 && errors.As(err, &all) {
		// It was gone already; our cache had not seen it.
		err = kerrors.FilterOut(all, apierrors.IsNotFound)
	}
	if err != nil {
		return fmt.Errorf("writing the status: %w", err)
	}
	return nil
}

// setDeleting says whether obj is being deleted, and what holds that up: the last of
// the conditions that was found False since it began, which is a change of generation.
func setDeleting(obj Object, of []string) {
	deleting := metav1.Condition{
		Type: clusterv1.DeletingCondition, Status: metav1.ConditionFalse, Reason: clusterv1.NotDeletingReason,
		ObservedGeneration: obj.GetGeneration(),
	}
	if !obj.GetDeletionTimestamp().IsZero() {
		deleting.Status, deleting.Reason = metav1.ConditionTrue, clusterv1.DeletingReason
		for _, name := range of {
			found := conditions.Get(obj, name)
			if found != nil && found.Status == metav1.ConditionFalse && found.ObservedGeneration == obj.GetGeneration() {
				deleting.Message = found.Message
			}
		}
	}
	conditions.Set(obj, deleting)
}
