package controlplane

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
