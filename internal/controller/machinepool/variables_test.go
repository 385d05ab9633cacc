package machinepool

import (
	"maps"
	"testing"

	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

func TestWantedVariables(t *testing.T) {
	fromBoth := []infrav1.VariablesSource{{ApplyRef: "i-infrastructure"}, {ApplyRef: "p-control-plane"}}
	tests := map[string]struct {
		change func(*parts)
		text   map[string]string // besides those of every node group; "" is absent
		values map[string]string // besides the replicas; "" is absent
		from   []infrav1.VariablesSource
	}{
		"by default": {from: fromBoth},
		"a version is not given": {
			change: func(p *parts) { p.owner.Spec.Template.Spec.Version = "" },
			text:   map[string]string{"kubernetes_version": ""}, from: fromBoth},
		"bootstrap data": {
			change: func(p *parts) { p.owner.Spec.Template.Spec.Bootstrap.DataSecretName = ptr.To("join") },
			text:   map[string]string{"bootstrap_data_secret_name": "join"}, from: fromBoth},
		"failure domains and tags": {
			change: func(p *parts) {
				p.owner.Spec.FailureDomains, p.pool.Spec.AdditionalTags = []string{"b", "a"}, map[string]string{"k": "v"}
			},
			values: map[string]string{"failure_domains": `["b","a"]`, "tags": `{"k":"v"}`}, from: fromBoth},
		"others manage the replicas": {
			change: func(p *parts) {
				p.owner.Annotations = map[string]string{clusterv1.ReplicasManagedByAnnotation: "karpenter"}
			},
			values: map[string]string{"replicas": ""}, from: fromBoth},
		"nobody else manages the replicas": {
			change: func(p *parts) {
				p.owner.Annotations = map[string]string{clusterv1.ReplicasManagedByAnnotation: "false"}
			},
			from: fromBoth},
		"no replicas are wanted": {
			change: func(p *parts) { p.owner.Spec.Replicas = nil },
			values: map[string]string{"replicas": ""}, from: fromBoth},
		"a network that exists, and a region": {
			change: func(p *parts) { p.infra.Spec = infrav1.CAPTClusterSpec{ExistingVPCID: "v", Region: "north"} },
			text:   map[string]string{"vpc_id": "v", "region": "north"}, from: fromBoth[1:]},
		"the control plane's region wins": {
			change: func(p *parts) {
				p.infra.Spec.Region = "north"
				p.plane.Spec.ControlPlaneConfig = &controlplanev1.ControlPlaneConfig{Region: "south"}
			},
			text: map[string]string{"region": "south"}, from: fromBoth},
		"the control plane's workspace has a name of its own": {
			change: func(p *parts) { p.plane.Spec.WorkspaceTemplateApplyName = "old" },
			from:   []infrav1.VariablesSource{fromBoth[0], {ApplyRef: "old"}}},
		"nothing else is ours": {
			change: func(p *parts) { p.infra, p.plane = nil, nil }},
		"the user's word wins": {
			change: func(p *parts) {
				p.pool.Spec.Variables = map[string]string{"cluster_name": "mine", "replicas": "7"}
				p.pool.Spec.Values = map[string]apiextensionsv1.JSON{"kubernetes_version": {Raw: []byte(`"v1"`)}}
			},
			text: map[string]string{"cluster_name": "mine", "replicas": "7"}, values: map[string]string{"replicas": "", "kubernetes_version": `"v1"`}, from: fromBoth},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			p := newParts("n")
			if tt.change != nil {
				tt.change(p)
			}
			wanted, err := wantedVariables(&scope{pool: p.pool, owner: p.owner, cluster: p.cluster}, p.infra, p.plane)
			g.Expect(err).NotTo(HaveOccurred())
			text := map[string]string{"cluster_name": "c", "namespace": "n", "machine_pool_name": "workers", "kubernetes_version": "v1.34.1"}
			g.Expect(wanted.Text).To(Equal(merged(text, tt.text)))
			values := map[string]string{}
			for name, value := range wanted.Values {
				values[name] = string(value.Raw)
			}
			g.Expect(values).To(Equal(merged(map[string]string{"replicas": "2"}, tt.values)))
			g.Expect(wanted.From).To(Equal(tt.from))
		})
	}
}

// merged changes the one by the other, in which "" means without.
func merged(all, change map[string]string) map[string]string {
	maps.Copy(all, change)
	maps.DeleteFunc(all, func(_, value string) bool { return value == "" })
	return all
}
