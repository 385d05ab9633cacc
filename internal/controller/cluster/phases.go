package cluster

import (
	"context"

	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/kubeconfig"
	"github.com/captproject/capt/internal/phase"
	"github.com/captproject/capt/internal/workspace"
)

// Reasons of the condition InfrastructureReady, besides those of the workspace
// and of package contract.
const (
	// ReasonWaitingForCluster: Cluster API has not set the owner yet. It does
	// when a Cluster refers to the object.
	ReasonWaitingForCluster = "WaitingForCluster"
	// ReasonWorkspaceFailed: the API server refused. It is tried again.
	ReasonWorkspaceFailed = "WorkspaceFailed"
	// ReasonDestroying: the workspace is being deleted. Its end wakes us.
	ReasonDestroying = "Destroying"
)

// ensureWorkspace makes the workspace be there and as wanted.
func (r *Reconciler) ensureWorkspace(ctx context.Context, s *scope) phase.Outcome {
	if s.cluster == nil {
		return phase.Wait(ReasonWaitingForCluster, "no Cluster has this object as its infrastructureRef yet", 0)
	}
	ref := templateRef(s.infra)
	if ref == nil {
		return phase.Done()
	}
	apply, err := workspace.Ensure(ctx, r.Client, s.infra, workspace.OfCluster(s.infra.Name), s.cluster.Name, func(spec *infrav1.WorkspaceTemplateApplySpec) {
		spec.TemplateRef = *ref
		spec.Variables = variables(s.infra, s.cluster)
		spec.Values = s.infra.Spec.Values
		spec.RetainWorkspaceOnDelete = s.infra.Spec.RetainVPCOnDelete
	})
	if err != nil {
		return phase.BlockWith(err, ReasonWorkspaceFailed)
	}
	s.apply = apply
	return workspace.Standing(apply)
}

// templateRef is the template that is wanted, nil if a VPC exists already.
func templateRef(infra *infrav1.CAPTCluster) *infrav1.WorkspaceTemplateReference {
	if infra.Spec.WorkspaceTemplateRef != nil {
		return infra.Spec.WorkspaceTemplateRef
	}
	return infra.Spec.VPCTemplateRef
}

// variables are what the module gets, if it declares them.
func variables(infra *infrav1.CAPTCluster, cluster *clusterv1.Cluster) map[string]string {
	all := map[string]string{
		"cluster_name": cluster.Name,
		"namespace":    cluster.Namespace,
		"vpc_name":     cluster.Name + "-vpc",
	}
	if infra.Spec.Region != "" {
		all["region"] = infra.Spec.Region
	}
	if infra.Spec.VPCConfig.Name != "" {
		all["vpc_name"] = infra.Spec.VPCConfig.Name
	}
	for name, value := range infra.Spec.Variables {
		all[name] = value
	}
	return all
}

// readOutputs reads what the module gave.
func (r *Reconciler) readOutputs(ctx context.Context, s *scope) phase.Outcome {
	if s.apply == nil {
		s.outputs.VPCID = s.infra.Spec.ExistingVPCID
		return phase.Done()
	}
	outputs, _, err := workspace.Outputs(ctx, r.Live, s.apply)
	if err != nil {
		return phase.BlockWith(err, ReasonWorkspaceFailed)
	}
	if s.outputs, err = outputs.Infrastructure(); err != nil {
		return phase.BlockWith(err, ReasonWorkspaceFailed)
	}
	return phase.Done()
}

// publish tells Cluster API what there is.
func (r *Reconciler) publish(_ context.Context, s *scope) phase.Outcome {
	status := &s.infra.Status
	status.VPCID = s.outputs.VPCID
	status.FailureDomains = nil
	for _, domain := range s.outputs.FailureDomains {
		status.FailureDomains = append(status.FailureDomains, clusterv1.FailureDomain{
			Name: domain.Name, ControlPlane: domain.ControlPlane, Attributes: domain.Attributes,
		})
	}
	if s.outputs.Endpoint != "" && s.infra.Spec.ControlPlaneEndpoint.IsZero() {
		host, port, err := kubeconfig.Endpoint(s.outputs.Endpoint)
		if err != nil {
			return phase.BlockWith(err, ReasonWorkspaceFailed)
		}
		s.infra.Spec.ControlPlaneEndpoint = clusterv1.APIEndpoint{Host: host, Port: port}
	}
	status.Initialization.Provisioned = ptr.To(true)
	return phase.Done()
}

// deleteWorkspace has the workspace go, then lets the object go.
func (r *Reconciler) deleteWorkspace(ctx context.Context, s *scope) phase.Outcome {
	left, err := workspace.Delete(ctx, r.Client, r.Live, s.infra, workspace.OfCluster(s.infra.Name))
	if err != nil {
		return phase.Fail(ReasonWorkspaceFailed, err)
	}
	if left != "" {
		return phase.Wait(ReasonDestroying, left, 0)
	}
	controllerutil.RemoveFinalizer(s.infra, infrav1.ClusterFinalizer)
	return phase.Done()
}
