package machinepool

import (
	"sigs.k8s.io/cluster-api/util/annotations"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/workspace"
)

// wantedVariables returns what the module of a node group gets: the outputs of
// the infrastructure and of the control plane, what we know of the MachinePool,
// and the user's own variables, which win. infra and plane are nil if they are
// none of ours.
//
// Who manages the replicas outside of Cluster API must not be overruled by a
// number that was true at the last run: the module then gets none.
func wantedVariables(s *scope, infra *infrav1.CAPTCluster, plane *controlplanev1.CAPTControlPlane) (*workspace.Variables, error) {
	wanted := workspace.VariablesOf(s.cluster)
	template := s.owner.Spec.Template.Spec
	wanted.Text["machine_pool_name"] = s.owner.Name
	if template.Version != "" {
		wanted.Text["kubernetes_version"] = template.Version
	}
	if secret := template.Bootstrap.DataSecretName; secret != nil && *secret != "" {
		wanted.Text["bootstrap_data_secret_name"] = *secret
	}
	typed := map[string]any{}
	if len(s.pool.Spec.AdditionalTags) > 0 {
		typed["tags"] = s.pool.Spec.AdditionalTags
	}
	if domains := s.owner.Spec.FailureDomains; len(domains) > 0 {
		typed["failure_domains"] = domains
	}
	if replicas := s.owner.Spec.Replicas; replicas != nil && !annotations.ReplicasManagedByExternalAutoscaler(s.owner) {
		typed["replicas"] = *replicas
	}
	if err := wanted.AddValues(typed); err != nil {
		return nil, err
	}
	if plane != nil && plane.Spec.ControlPlaneConfig != nil && plane.Spec.ControlPlaneConfig.Region != "" {
		wanted.Text["region"] = plane.Spec.ControlPlaneConfig.Region
	}
	if infra != nil {
		wanted.AddInfrastructure(infra)
	}
	if plane != nil {
		wanted.From = append(wanted.From, infrav1.VariablesSource{ApplyRef: workspace.UsedBy(plane)})
	}
	wanted.Override(s.pool.Spec.Variables, s.pool.Spec.Values)
	return wanted, nil
}
