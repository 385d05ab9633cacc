package provider

import (
	"context"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/provider"
	. "github.com/onsi/gomega"
)

func TestSchemasAreValid(t *testing.T) {
	g := NewWithT(t)
	var resp provider.SchemaResponse
	New().Schema(t.Context(), provider.SchemaRequest{}, &resp)
	g.Expect(resp.Schema.ValidateImplementation(context.Background())).To(BeEmpty())
	g.Expect(clusterSchema.ValidateImplementation(context.Background())).To(BeEmpty())
	g.Expect(poolSchema.ValidateImplementation(context.Background())).To(BeEmpty())
}

func TestSecretsAreSensitive(t *testing.T) {
	g := NewWithT(t)
	for name, attribute := range clusterSchema.Attributes {
		secret := name == "client_key" || name == "kubeconfig" || name == "token"
		g.Expect(attribute.IsSensitive()).To(Equal(secret), name)
	}
}
