package api_test

import (
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Cluster API applies what a ClusterClass wants on the side of the server. A value
// that becomes empty must not be missing until it looks again: the module would be
// applied with its own default meanwhile.
func TestAValueIsAppliedAsAWhole(t *testing.T) {
	for name, document := range map[string]string{
		"CAPTCluster":            captCluster,
		"CAPTControlPlane":       captControlPlane,
		"CAPTMachinePool":        captMachinePool,
		"WorkspaceTemplateApply": workspaceTemplateApply,
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			namespace := env.Namespace(t)
			var object *unstructured.Unstructured
			for _, labels := range []string{"{team: a}", "{}"} {
				object = parse(t, patched(t, []byte(document), "{metadata: {name: x}, spec: {values: {labels: "+labels+"}}}"))
				object.SetNamespace(namespace)
				g.Expect(env.Client.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("topology"))).To(Succeed())
			}
			values, found, err := unstructured.NestedMap(object.Object, "spec", "values")
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(found).To(BeTrue())
			g.Expect(values).To(Equal(map[string]any{"labels": map[string]any{}}))
		})
	}
}
