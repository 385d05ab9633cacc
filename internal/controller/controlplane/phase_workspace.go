package controlplane

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	// ReasonWaitingForCluster: Cluster API has not set the owner yet. It does
	// when a Cluster refers to the object.
	ReasonWaitingForCluster = "WaitingForCluster"
	// ReasonWaitingForInfrastructure: the Cluster's infrastructure is not there
	// yet. The Cluster wakes us.
	ReasonWaitingForInfrastructure = "WaitingForInfrastructure"
	// ReasonWorkspaceNotFound: the apply of workspaceTemplateApplyName does not
	// exist. Create it.
	ReasonWorkspaceNotFound = "WorkspaceNotFound"
	// ReasonWorkspaceFailed: the API server refused. It is tried again.
	ReasonWorkspaceFailed = "WorkspaceFailed"
	// ReasonDestroying: the workspace is being deleted. Its end wakes us.
	ReasonDestroying = "Destroying"
)

// findCluster waits for the owner.
func (r *Reconciler) findCluster(_ context.Context, s *scope) phase.Outcome {
	if s.cluster == nil {
		return phase.Wait(ReasonWaitingForCluster, "no Cluster has this object as its controlPlaneRef yet", 0)
	}
	return phase.Done()
}

// ensureWorkspace makes the workspace be there and as wanted. Where that cannot
// be had, one that is there already still gives its outputs: whatever keeps the
// workspace from being changed must not keep the kubeconfig from being looked
// after.
func (r *Reconciler) ensureWorkspace(ctx context.Context, s *scope) phase.Outcome {
	outcome := r.wantWorkspace(ctx, s)
	s.applied = outcome.IsDone()
	if s.apply == nil {
		r.findWorkspace(ctx, s)
	}
	if s.apply != nil && s.apply.Status.OutputsSecretName != "" || s.published != nil || s.users {
		return outcome.Proceed()
	}
	return outcome
}

// findWorkspace takes the workspace that there is, if it is for this control
// plane.
func (r *Reconciler) findWorkspace(ctx context.Context, s *scope) {
	apply := &infrav1.WorkspaceTemplateApply{}
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: s.plane.Namespace, Name: workspace.UsedBy(s.plane)}, apply)
	if err == nil && (s.plane.Spec.WorkspaceTemplateRef == nil || metav1.IsControlledBy(apply, s.plane)) {
		s.apply = apply
	}
}

// wantWorkspace makes the workspace be there and as wanted.
func (r *Reconciler) wantWorkspace(ctx context.Context, s *scope) phase.Outcome {
	if s.plane.Spec.WorkspaceTemplateRef == nil {
		return r.useWorkspace(ctx, s)
	}
	ref := s.cluster.Spec.InfrastructureRef
	if ref.IsDefined() && !ptr.Deref(s.cluster.Status.Initialization.InfrastructureProvisioned, false) {
		return phase.Wait(ReasonWaitingForInfrastructure, fmt.Sprintf("%s %s is not provisioned yet", ref.Kind, ref.Name), 0)
	}
	infra, err := workspace.InfrastructureOf(ctx, r.Client, s.cluster)
	if err != nil {
		return phase.Fail(ReasonWorkspaceFailed, err)
	}
	wanted, err := wantedVariables(s.plane, s.cluster, infra)
	if err != nil {
		return phase.Fail(ReasonWorkspaceFailed, err)
	}
	apply, err := workspace.Ensure(ctx, r.Client, s.plane, workspace.UsedBy(s.plane), s.cluster.Name,
		func(spec *infrav1.WorkspaceTemplateApplySpec) {
			spec.TemplateRef = *s.plane.Spec.WorkspaceTemplateRef
			wanted.Give(spec)
		})
	if err != nil {
		return phase.BlockWith(err, ReasonWorkspaceFailed)
	}
	s.apply = apply
	return workspace.Standing(apply)
}

// useWorkspace takes a workspace that exists already, as it is.
func (r *Reconciler) useWorkspace(ctx context.Context, s *scope) phase.Outcome {
	apply := &infrav1.WorkspaceTemplateApply{}
	name := s.plane.Spec.WorkspaceTemplateApplyName
	if err := r.Client.Get(ctx, client.ObjectKey{Namespace: s.plane.Namespace, Name: name}, apply); err != nil {
		if apierrors.IsNotFound(err) {
			return phase.Block(ReasonWorkspaceNotFound, fmt.Errorf("WorkspaceTemplateApply %s does not exist; create it", name))
		}
		return phase.Fail(ReasonWorkspaceFailed, fmt.Errorf("reading WorkspaceTemplateApply %s: %w", name, err))
	}
	s.apply = apply
	return workspace.Standing(apply)
}

// deleteWorkspace has the workspace go, if it is ours.
func (r *Reconciler) deleteWorkspace(ctx context.Context, s *scope) phase.Outcome {
	left, err := workspace.Delete(ctx, r.Client, r.Live, s.plane, workspace.UsedBy(s.plane))
	if err != nil {
		return phase.Fail(ReasonWorkspaceFailed, err)
	}
	if left != "" {
		return phase.Wait(ReasonDestroying, left, 0)
	}
	return phase.Done()
}

// deleteSecrets deletes what was published, then lets the object go. It is not
// left to the garbage collector: a kubeconfig must not outlive its cluster.
func (r *Reconciler) deleteSecrets(ctx context.Context, s *scope) phase.Outcome {
	if err := r.deletePublished(ctx, s.plane); err != nil {
		return phase.Fail(ReasonPublishFailed, err)
	}
	controllerutil.RemoveFinalizer(s.plane, controlplanev1.ControlPlaneFinalizer)
	return phase.Done()
}
