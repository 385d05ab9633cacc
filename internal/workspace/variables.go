package workspace

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/annotations"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// Variables are what a module gets, as far as it declares them.
type Variables struct {
	// Text are read as OpenTofu reads `-var`.
	Text map[string]string
	// Values are typed. They win over Text of the same name.
	Values map[string]apiextensionsv1.JSON
	// From are workspaces whose outputs are passed by name, for what nothing
	// else gives a value. Later ones win.
	From []infrav1.VariablesSource
}

// VariablesOf begins the variables of a module with what every one gets.
func VariablesOf(cluster *clusterv1.Cluster) *Variables {
	return &Variables{
		Text:   map[string]string{"cluster_name": cluster.Name, "namespace": cluster.Namespace},
		Values: map[string]apiextensionsv1.JSON{},
	}
}

// AddValues adds typed values.
func (v *Variables) AddValues(typed map[string]any) error {
	for name, value := range typed {
		encoded, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("encoding the variable %s: %w", name, err)
		}
		v.Values[name] = apiextensionsv1.JSON{Raw: encoded}
	}
	return nil
}

// AddInfrastructure adds what a CAPTCluster has: the outputs of its module, or
// the network that exists already, and the region if there is none yet. Where somebody
// else has managed it from the beginning, there are no outputs.
func (v *Variables) AddInfrastructure(infra *infrav1.CAPTCluster) {
	switch {
	case infra.Spec.ExistingVPCID != "":
		v.Text["vpc_id"] = infra.Spec.ExistingVPCID
	case !annotations.IsExternallyManaged(infra) || controllerutil.ContainsFinalizer(infra, infrav1.ClusterFinalizer):
		v.From = append(v.From, infrav1.VariablesSource{ApplyRef: OfCluster(infra.Name)})
	}
	if _, set := v.Text["region"]; !set && infra.Spec.Region != "" {
		v.Text["region"] = infra.Spec.Region
	}
}

// Override adds the user's own variables, which win over all that there are.
func (v *Variables) Override(text map[string]string, values map[string]apiextensionsv1.JSON) {
	for name := range text {
		delete(v.Values, name) // typed values win, but the user's word wins over ours
	}
	maps.Copy(v.Text, text)
	maps.Copy(v.Values, values)
}

// Give has a workspace be given the variables.
func (v *Variables) Give(spec *infrav1.WorkspaceTemplateApplySpec) {
	spec.Variables, spec.Values, spec.VariablesFrom = v.Text, v.Values, v.From
}

// InfrastructureOf returns the CAPTCluster of a Cluster; nil if its
// infrastructure is none of ours.
func InfrastructureOf(ctx context.Context, c client.Reader, cluster *clusterv1.Cluster) (*infrav1.CAPTCluster, error) {
	ref := cluster.Spec.InfrastructureRef
	if ref.APIGroup != infrav1.GroupVersion.Group || ref.Kind != "CAPTCluster" {
		return nil, nil
	}
	infra := &infrav1.CAPTCluster{}
	if err := c.Get(ctx, client.ObjectKey{Namespace: cluster.Namespace, Name: ref.Name}, infra); err != nil {
		return nil, fmt.Errorf("reading CAPTCluster %s: %w", ref.Name, err)
	}
	return infra, nil
}
