package machinepool

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/cluster-api/util/annotations"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/captproject/capt/internal/phase"
	"github.com/captproject/capt/internal/workspace"
)

// Reasons of the condition ProviderIDsAvailable, besides those of package
// contract.
const (
	// ReasonOutputsFailed: the outputs could not be read. It is tried again.
	ReasonOutputsFailed = "OutputsFailed"
	// ReasonReplicasFailed: the MachinePool could not be told how many machines
	// there are. It is tried again.
	ReasonReplicasFailed = "ReplicasFailed"
)

// readOutputs reads what the module gave.
func (r *Reconciler) readOutputs(ctx context.Context, s *scope) phase.Outcome {
	outputs, _, err := workspace.Outputs(ctx, r.Live, s.apply)
	if err != nil {
		return phase.BlockWith(err, ReasonOutputsFailed)
	}
	if s.outputs, err = outputs.MachinePool(); err != nil {
		return phase.BlockWith(err, ReasonOutputsFailed)
	}
	return phase.Done()
}

// publish tells Cluster API what there is.
func (r *Reconciler) publish(_ context.Context, s *scope) phase.Outcome {
	if !equality.Semantic.DeepEqual(s.pool.Spec.ProviderIDList, s.outputs.ProviderIDs) {
		s.pool.Spec.ProviderIDList = s.outputs.ProviderIDs
	}
	s.pool.Status.Replicas = ptr.To(s.outputs.Replicas)
	s.pool.Status.Initialization.Provisioned = ptr.To(true)
	s.pool.Status.Ready = ptr.To(true)
	return phase.Done()
}

// followReplicas has the MachinePool want what there is, if others decide how
// many machines that are.
func (r *Reconciler) followReplicas(ctx context.Context, s *scope) phase.Outcome {
	if !annotations.ReplicasManagedByExternalAutoscaler(s.owner) || ptr.Deref(s.owner.Spec.Replicas, -1) == s.outputs.Replicas {
		return phase.Done()
	}
	before := s.owner.DeepCopy()
	s.owner.Spec.Replicas = ptr.To(s.outputs.Replicas)
	// With a lock: the annotation may have been taken off meanwhile.
	if err := r.Client.Patch(ctx, s.owner, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
		return phase.Fail(ReasonReplicasFailed, fmt.Errorf("setting spec.replicas of MachinePool %s: %w", s.owner.Name, err))
	}
	return phase.Done()
}
