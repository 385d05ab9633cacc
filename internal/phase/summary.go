package phase

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/conditions"
)

// Summary is a condition that sums up others.
type Summary struct {
	// Condition has the reason Ready, NotReady or ReadyUnknown if that is its name.
	Condition string
	Of        []string
}

// Summarize sums up the conditions of obj, and tells of Deleting in the words of Cluster
// API's own kinds.
func Summarize(obj Object, s Summary) error {
	setDeleting(obj, s.Of)
	reasons := conditions.GetDefaultComputeMergeReasonFunc("Not"+s.Condition, s.Condition+"Unknown", s.Condition)
	strategy := conditions.DefaultMergeStrategy(conditions.ComputeReasonFunc(reasons))
	err := conditions.SetSummaryCondition(obj, obj, s.Condition, conditions.ForConditionTypes(s.Of), conditions.CustomMergeStrategy{MergeStrategy: strategy})
	if err != nil {
		return fmt.Errorf("summing up the conditions %v: %w", s.Of, err)
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
