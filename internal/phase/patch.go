package phase

import (
	"context"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	kerrors "k8s.io/apimachinery/pkg/util/errors"
	"sigs.k8s.io/cluster-api/util/conditions"
	"sigs.k8s.io/cluster-api/util/patch"
)

// Patch sums up the conditions of obj in the condition summary, with the reason
// Ready, NotReady or ReadyUnknown if that is its name, and writes what has
// changed since helper was made: nothing, if nothing has. These conditions, and
// those beside them that the summary says nothing of, are owned by the controller
// that calls.
func Patch(ctx context.Context, helper *patch.Helper, obj Object, summary string, of []string, beside ...string) error {
	reasons := conditions.GetDefaultComputeMergeReasonFunc("Not"+summary, summary+"Unknown", summary)
	strategy := conditions.DefaultMergeStrategy(conditions.ComputeReasonFunc(reasons))
	err := conditions.SetSummaryCondition(obj, obj, summary, conditions.ForConditionTypes(of), conditions.CustomMergeStrategy{MergeStrategy: strategy})
	if err != nil {
		return fmt.Errorf("summing up the conditions %v: %w", of, err)
	}
	owned := patch.WithOwnedConditions{Conditions: slices.Concat([]string{summary}, of, beside)}
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
