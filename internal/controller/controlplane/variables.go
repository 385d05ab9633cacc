package controlplane

import (
	"encoding/json"
	"fmt"
	"maps"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/workspace"
)

// moduleVariables are what a module gets, as far as it declares them.
type moduleVariables struct {
	text   map[string]string
	values map[string]apiextensionsv1.JSON
	from   []infrav1.VariablesSource
}

// wantedVariables returns what the module of a control plane gets: the outputs
// of the infrastructure, what we know of the cluster, and the user's own
// variables, which win.
func wantedVariables(plane *controlplanev1.CAPTControlPlane, cluster *clusterv1.Cluster, infra *infrav1.CAPTCluster) (moduleVariables, error) {
	wanted := moduleVariables{
		text: map[string]string{
			"cluster_name":       cluster.Name,
			"namespace":          cluster.Namespace,
			"kubernetes_version": plane.Spec.Version,
		},
		values: map[string]apiextensionsv1.JSON{},
	}
	typed := map[string]any{}
	if len(plane.Spec.AdditionalTags) > 0 {
		typed["tags"] = plane.Spec.AdditionalTags
	}
	if config := plane.Spec.ControlPlaneConfig; config != nil {
		addConfig(config, wanted.text, typed)
	}
	for name, value := range typed {
		encoded, err := json.Marshal(value)
		if err != nil {
			return moduleVariables{}, fmt.Errorf("encoding the variable %s: %w", name, err)
		}
		wanted.values[name] = apiextensionsv1.JSON{Raw: encoded}
	}
	if infra != nil {
		wanted.addInfrastructure(infra)
	}
	for name := range plane.Spec.Variables {
		delete(wanted.values, name) // typed values win, but the user's word wins over ours
	}
	maps.Copy(wanted.text, plane.Spec.Variables)
	maps.Copy(wanted.values, plane.Spec.Values)
	if len(wanted.values) == 0 {
		wanted.values = nil
	}
	return wanted, nil
}

func (v *moduleVariables) addInfrastructure(infra *infrav1.CAPTCluster) {
	if infra.Spec.ExistingVPCID != "" {
		v.text["vpc_id"] = infra.Spec.ExistingVPCID
	} else {
		v.from = []infrav1.VariablesSource{{ApplyRef: workspace.OfCluster(infra.Name)}}
	}
	if _, set := v.text["region"]; !set && infra.Spec.Region != "" {
		v.text["region"] = infra.Spec.Region
	}
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
