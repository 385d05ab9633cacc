package provider

import (
	"time"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/captproject/capt/test/localkube/internal/cluster"
)

// model is the resource as configuration, plan and state have it.
type model struct {
	Name              types.String `tfsdk:"name"`
	KubernetesVersion types.String `tfsdk:"kubernetes_version"`
	CreateDelay       types.String `tfsdk:"create_delay"`
	FailFirst         types.Int64  `tfsdk:"fail_first"`
	CredentialTTL     types.String `tfsdk:"credential_ttl"`

	ID                   types.String `tfsdk:"id"`
	ServerVersion        types.String `tfsdk:"server_version"`
	Endpoint             types.String `tfsdk:"endpoint"`
	ClusterCACertificate types.String `tfsdk:"cluster_ca_certificate"`
	ClientCertificate    types.String `tfsdk:"client_certificate"`
	ClientKey            types.String `tfsdk:"client_key"`
	Kubeconfig           types.String `tfsdk:"kubeconfig"`
	Token                types.String `tfsdk:"token"`
}

func (m *model) settings() cluster.Settings {
	return cluster.Settings{
		Name:          m.Name.ValueString(),
		CreateDelay:   duration(m.CreateDelay),
		FailFirst:     m.FailFirst.ValueInt64(),
		CredentialTTL: duration(m.CredentialTTL),
	}
}

func (m *model) setCluster(c cluster.Cluster) {
	m.ID = types.StringValue(c.ID)
	m.ServerVersion = types.StringValue(c.ServerVersion)
	m.Endpoint = types.StringValue(c.Endpoint)
	m.ClusterCACertificate = types.StringValue(c.Authority)
	if m.KubernetesVersion.IsUnknown() {
		m.KubernetesVersion = m.ServerVersion
	}
	m.setCredentials(c.Credentials)
}

func (m *model) setCredentials(c cluster.Credentials) {
	m.ClientCertificate = types.StringValue(c.ClientCertificate)
	m.ClientKey = types.StringValue(c.ClientKey)
	m.Kubeconfig = types.StringValue(c.Kubeconfig)
	m.Token = types.StringValue(c.Token)
}

// credentials are empty where the plan wants new ones.
func (m *model) credentials() cluster.Credentials {
	return cluster.Credentials{
		ClientCertificate: m.ClientCertificate.ValueString(),
		ClientKey:         m.ClientKey.ValueString(),
		Kubeconfig:        m.Kubeconfig.ValueString(),
		Token:             m.Token.ValueString(),
	}
}

// forgetCredentials makes the plan want new ones.
func (m *model) forgetCredentials() {
	m.ClientCertificate = types.StringUnknown()
	m.ClientKey = types.StringUnknown()
	m.Kubeconfig = types.StringUnknown()
	m.Token = types.StringUnknown()
}

// duration is 0 when not set; that it can be read was validated.
func duration(value types.String) time.Duration {
	parsed, _ := time.ParseDuration(value.ValueString())
	return parsed
}
