package controlplane

import (
	"testing"

	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

func raw(text string) apiextensionsv1.JSON { return apiextensionsv1.JSON{Raw: []byte(text)} }

func TestWantedVariables(t *testing.T) {
	infra := func(spec infrav1.CAPTClusterSpec) *infrav1.CAPTCluster {
		return &infrav1.CAPTCluster{ObjectMeta: metav1.ObjectMeta{Name: "i"}, Spec: spec}
	}
	managed := func(finalizers ...string) *infrav1.CAPTCluster {
		by := infra(infrav1.CAPTClusterSpec{Region: "north"})
		by.Annotations, by.Finalizers = map[string]string{clusterv1.ManagedByAnnotation: "x"}, finalizers
		return by
	}
	fromInfra := []infrav1.VariablesSource{{ApplyRef: "i-infrastructure"}}
	tests := map[string]struct {
		module controlplanev1.ModuleSpec
		infra  *infrav1.CAPTCluster
		text   map[string]string // besides those of every control plane
		values map[string]string
		from   []infrav1.VariablesSource
	}{
		"by default": {},
		"the outputs of the infrastructure": {
			infra: infra(infrav1.CAPTClusterSpec{Region: "north"}),
			text:  map[string]string{"region": "north"}, from: fromInfra},
		"a network that exists": {
			infra: infra(infrav1.CAPTClusterSpec{ExistingVPCID: "v"}),
			text:  map[string]string{"vpc_id": "v"}},
		"a network that others manage": {
			infra: managed(), text: map[string]string{"region": "north"}},
		"a network that others manage now, which we have made": {
			infra: managed(infrav1.ClusterFinalizer), text: map[string]string{"region": "north"}, from: fromInfra},
		"tags": {
			module: controlplanev1.ModuleSpec{AdditionalTags: map[string]string{"b": "<&>", "a": "1"}},
			values: map[string]string{"tags": `{"a":"1","b":"<&>"}`}},
		"settings of managed control planes": {
			module: controlplanev1.ModuleSpec{ControlPlaneConfig: &controlplanev1.ControlPlaneConfig{
				Region: "south",
				EndpointAccess: &controlplanev1.EndpointAccess{
					Public: ptr.To(false), Private: ptr.To(true), PublicCIDRs: []string{"10.0.0.0/8"}},
				Addons: []controlplanev1.Addon{{Name: "dns"}, {Name: "cni", Version: "v1", ConfigurationValues: "{}"}},
			}},
			infra: infra(infrav1.CAPTClusterSpec{Region: "north"}),
			text:  map[string]string{"region": "south"},
			values: map[string]string{
				"endpoint_public_access": "false", "endpoint_private_access": "true", "endpoint_public_access_cidrs": `["10.0.0.0/8"]`,
				"addons": `[{"name":"dns"},{"name":"cni","version":"v1","configuration_values":"{}"}]`,
			},
			from: fromInfra},
		"only what is given of the settings": {
			module: controlplanev1.ModuleSpec{ControlPlaneConfig: &controlplanev1.ControlPlaneConfig{
				EndpointAccess: &controlplanev1.EndpointAccess{}, Timeouts: &controlplanev1.Timeouts{ControlPlaneTimeout: 5}}},
		},
		"the user's word wins": {
			module: controlplanev1.ModuleSpec{
				Variables:          map[string]string{"kubernetes_version": "v1", "region": "mine", "tags": "none", "vpc_id": "mine"},
				Values:             map[string]apiextensionsv1.JSON{"addons": raw(`[]`), "more": raw(`1`)},
				AdditionalTags:     map[string]string{"a": "1"},
				ControlPlaneConfig: &controlplanev1.ControlPlaneConfig{Region: "south", Addons: []controlplanev1.Addon{{Name: "dns"}}},
			},
			infra:  infra(infrav1.CAPTClusterSpec{ExistingVPCID: "v", Region: "north"}),
			text:   map[string]string{"kubernetes_version": "v1", "region": "mine", "tags": "none", "vpc_id": "mine"},
			values: map[string]string{"addons": `[]`, "more": `1`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			plane := &controlplanev1.CAPTControlPlane{Spec: controlplanev1.CAPTControlPlaneSpec{Version: "v1.34.1", ModuleSpec: tt.module}}
			wanted, err := wantedVariables(plane, newCluster("n"), tt.infra)
			g.Expect(err).NotTo(HaveOccurred())
			text := map[string]string{"cluster_name": "c", "namespace": "n", "kubernetes_version": "v1.34.1"}
			for name, value := range tt.text {
				text[name] = value
			}
			g.Expect(wanted.Text).To(Equal(text))
			g.Expect(wanted.Values).To(HaveLen(len(tt.values)))
			for name, value := range tt.values {
				g.Expect(wanted.Values[name].Raw).To(MatchJSON(value), name)
			}
			g.Expect(wanted.From).To(Equal(tt.from))
		})
	}
}
