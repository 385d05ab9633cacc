package controlplane

import (
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/workspace"
)

// wantedVariables returns what the module of a control plane gets: the outputs
// of the infrastructure, what we know of the cluster, and the user's own
// variables, which win.
func wantedVariables(plane *controlplanev1.CAPTControlPlane, cluster *clusterv1.Cluster, infra *infrav1.CAPTCluster) (*workspace.Variables, error) {
	wanted := workspace.VariablesOf(cluster)
	wanted.Text["kubernetes_version"] = plane.Spec.Version
	typed := map[string]any{}
	if len(plane.Spec.AdditionalTags) > 0 {
		typed["tags"] = plane.Spec.AdditionalTags
	}
	if config := plane.Spec.ControlPlaneConfig; config != nil {
		addConfig(config, wanted.Text, typed)
	}
	if err := wanted.AddValues(typed); err != nil {
		return nil, err
	}
	if infra != nil {
		wanted.AddInfrastructure(infra)
	}
	wanted.Override(plane.Spec.Variables, plane.Spec.Values)
	return wanted, nil
}

// addConfig adds the settings of managed control planes that are given.
func addConfig(config *controlplanev1.ControlPlaneConfig, text map[string]string, typed map[string]any) {
	if config.Region != "" {
		text["region"] = config.Region
	}
	if access := config.EndpointAccess; access != nil {
		if access.Public != nil {
			typed["endpoint_public_access"] = *access.Public
		}
		if access.Private != nil {
			typed["endpoint_private_access"] = *access.Private
		}
		if len(access.PublicCIDRs) > 0 {
			typed["endpoint_public_access_cidrs"] = access.PublicCIDRs
		}
	}
	if len(config.Addons) > 0 {
		typed["addons"] = addonsVariable(config.Addons)
	}
}

// addonsVariable is the value of the variable `addons`.
func addonsVariable(addons []controlplanev1.Addon) []map[string]string {
	list := make([]map[string]string, 0, len(addons))
	for _, addon := range addons {
		entry := map[string]string{"name": addon.Name}
		if addon.Version != "" {
			entry["version"] = addon.Version
		}
		if addon.ConfigurationValues != "" {
			entry["configuration_values"] = addon.ConfigurationValues
		}
		list = append(list, entry)
	}
	return list
}
