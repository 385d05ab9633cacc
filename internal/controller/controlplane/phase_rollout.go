package controlplane

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	"github.com/captproject/capt/internal/phase"
)

// tellRollout tells whether a newer Kubernetes version is on its way, for the
// condition RollingOut that Cluster API makes of all parts of a Cluster. It holds
// nothing up.
func (r *Reconciler) tellRollout(_ context.Context, s *scope) phase.Outcome {
	runs, wanted := s.plane.Status.Version, s.plane.Spec.Version
	if !older(runs, wanted) {
		return phase.Note(clusterv1.NotRollingOutReason, "no newer Kubernetes version is on its way").As(metav1.ConditionFalse)
	}
	message := fmt.Sprintf("Kubernetes %s is to become %s", runs, wanted)
	return phase.Wait(clusterv1.RollingOutReason, message, 0).As(metav1.ConditionTrue).Proceed()
}

// older compares versions by what is numbered in both: clouds append words of their
// own. What cannot be read, and what is not known yet, is not older.
func older(version1, version2 string) bool {
	one, err := version.ParseGeneric(version1)
	if err != nil {
		return false
	}
	two, err := version.ParseGeneric(version2)
	return err == nil && one.LessThan(two)
}
