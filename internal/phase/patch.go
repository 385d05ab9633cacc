package phase

import (
	"context"
	"fmt"

	"sigs.k8s.io/cluster-api/util/conditions"
	"sigs.k8s.io/cluster-api/util/patch"
)

// Patch sums up the conditions of obj in the condition summary and writes what
// has changed since helper was made: nothing, if nothing has. The conditions
// named are owned by the controller that calls.
func Patch(ctx context.Context, helper *patch.Helper, obj Object, summary string, of ...string) error {
	if err := conditions.SetSummaryCondition(obj, obj, summary, conditions.ForConditionTypes(of)); err != nil {
		return fmt.Errorf("summing up the conditions %v: %w", of, err)
	}
	owned := patch.WithOwnedConditions{Conditions: append([]string{summary}, of...)}
	if err := helper.Patch(ctx, obj, owned); err != nil {
		return fmt.Errorf("writing the status: %w", err)
	}
	return nil
}
