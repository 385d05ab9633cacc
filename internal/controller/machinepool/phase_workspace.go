package machinepool

import (
	"context"
	"fmt"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/phase"
	"github.com/captproject/capt/internal/workspace"
)

// Reasons of the condition WorkspaceReady, besides those of the workspace.
const (
	// ReasonWaitingForMachinePool: Cluster API has not set the owner yet. It does
	// when a MachinePool refers to the object.
	ReasonWaitingForMachinePool = "WaitingForMachinePool"
	// ReasonWaitingForInfrastructure: the Cluster's infrastructure is not there
	// yet. The Cluster wakes us.
	ReasonWaitingForInfrastructure = "WaitingForInfrastructure"
	// ReasonWaitingForControlPlane: there is no control plane for nodes to join
	// yet. The Cluster wakes us.
	ReasonWaitingForControlPlane = "WaitingForControlPlane"
	// ReasonWaitingForBootstrapData: the bootstrap provider has not made the data
	// that nodes join with. The MachinePool wakes us.
	ReasonWaitingForBootstrapData = "WaitingForBootstrapData"
	// ReasonWorkspaceFailed: the API server refused. It is tried again.
	ReasonWorkspaceFailed = "WorkspaceFailed"
	// ReasonDestroying: the workspace is being deleted. Its end wakes us.
	ReasonDestroying = "Destroying"
)

// awaitCluster waits for all that a node group stands on.
func (r *Reconciler) awaitCluster(_ context.Context, s *scope) phase.Outcome {
	if s.owner == nil || s.cluster == nil {
		return phase.Wait(ReasonWaitingForMachinePool, "no MachinePool has this object as its infrastructureRef yet", 0)
	}
	status := s.cluster.Status.Initialization
	infra, plane := s.cluster.Spec.InfrastructureRef, s.cluster.Spec.ControlPlaneRef
	switch {
	case infra.IsDefined() && !ptr.Deref(status.InfrastructureProvisioned, false):
		return phase.Wait(ReasonWaitingForInfrastructure, fmt.Sprintf("%s %s is not provisioned yet", infra.Kind, infra.Name), 0)
	case plane.IsDefined() && !ptr.Deref(status.ControlPlaneInitialized, false):
		return phase.Wait(ReasonWaitingForControlPlane, fmt.Sprintf("%s %s is not initialized yet", plane.Kind, plane.Name), 0)
	case s.owner.Spec.Template.Spec.Bootstrap.DataSecretName == nil:
		return phase.Wait(ReasonWaitingForBootstrapData, fmt.Sprintf("MachinePool %s has no bootstrap data yet", s.owner.Name), 0)
	}
	return phase.Done()
}

// ensureWorkspace makes the workspace be there and as wanted.
func (r *Reconciler) ensureWorkspace(ctx context.Context, s *scope) phase.Outcome {
	infra, err := workspace.InfrastructureOf(ctx, r.Client, s.cluster)
	if err != nil {
		return phase.Fail(ReasonWorkspaceFailed, err)
	}
	plane, err := r.controlPlane(ctx, s)
	if err != nil {
		return phase.Fail(ReasonWorkspaceFailed, err)
	}
	wanted, err := wantedVariables(s, infra, plane)
	if err != nil {
		return phase.Fail(ReasonWorkspaceFailed, err)
	}
	apply, err := workspace.Ensure(ctx, r.Client, s.pool, workspace.OfMachinePool(s.pool.Name), s.cluster.Name,
		func(spec *infrav1.WorkspaceTemplateApplySpec) {
			spec.TemplateRef = s.pool.Spec.WorkspaceTemplateRef
			wanted.Give(spec)
		})
	if err != nil {
		return phase.BlockWith(err, ReasonWorkspaceFailed)
	}
	s.apply = apply
	return workspace.Standing(apply)
}

// controlPlane returns the CAPTControlPlane of the Cluster; nil if its control
// plane is none of ours.
func (r *Reconciler) controlPlane(ctx context.Context, s *scope) (*controlplanev1.CAPTControlPlane, error) {
	ref := s.cluster.Spec.ControlPlaneRef
	if ref.APIGroup != controlplanev1.GroupVersion.Group || ref.Kind != "CAPTControlPlane" {
		return nil, nil
	}
	plane := &controlplanev1.CAPTControlPlane{}
	if err := r.Client.Get(ctx, client.ObjectKey{Namespace: s.cluster.Namespace, Name: ref.Name}, plane); err != nil {
		return nil, fmt.Errorf("reading CAPTControlPlane %s: %w", ref.Name, err)
	}
	return plane, nil
}

// deleteWorkspace has the workspace go, then lets the object go.
func (r *Reconciler) deleteWorkspace(ctx context.Context, s *scope) phase.Outcome {
	left, err := workspace.Delete(ctx, r.Client, r.Live, s.pool, workspace.OfMachinePool(s.pool.Name))
	if err != nil {
		return phase.Fail(ReasonWorkspaceFailed, err)
	}
	if left != "" {
		return phase.Wait(ReasonDestroying, left, 0)
	}
	controllerutil.RemoveFinalizer(s.pool, infrav1.MachinePoolFinalizer)
	return phase.Done()
}
