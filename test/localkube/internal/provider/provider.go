package provider

import (
	"context"
	"fmt"
	"os"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/captproject/capt/test/localkube/internal/cluster"
)

// Address is where a filesystem mirror has the provider.
const Address = "registry.opentofu.org/captproject/localkube"

// Version is where a filesystem mirror has the provider, too.
const Version = "0.1.0"

// Environment variables that stand in for the provider's settings.
const (
	assetsDirVariable = "LOCALKUBE_ASSETS_DIR"
	dataDirVariable   = "LOCALKUBE_DATA_DIR"
)

type localkube struct{}

type settings struct {
	AssetsDir  types.String `tfsdk:"assets_dir"`
	DataDir    types.String `tfsdk:"data_dir"`
	Kubeconfig types.String `tfsdk:"kubeconfig"`
}

// configured is what the resources get.
type configured struct {
	clusters cluster.Clusters
	// kubeconfig is unknown while that comes from a resource which is not made yet.
	kubeconfig types.String
}

// New returns the provider.
func New() provider.Provider { return localkube{} }

func (localkube) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName, resp.Version = "localkube", Version
}

func (localkube) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = schema.Schema{
		Description: "Kubernetes API servers on this machine, for tests.",
		Attributes: map[string]schema.Attribute{
			"assets_dir": schema.StringAttribute{
				Optional:    true,
				Description: "Folder with the programs etcd and kube-apiserver. Default: $" + assetsDirVariable + ".",
			},
			"data_dir": schema.StringAttribute{
				Optional: true,
				Description: "Folder in which each cluster gets a directory of its own. It must stay the same as long as " +
					"clusters live in it. Default: $" + dataDirVariable + ".",
			},
			"kubeconfig": schema.StringAttribute{
				Optional:    true,
				Sensitive:   true,
				Description: "Kubeconfig of the cluster that pools are in, as a localkube_cluster has it. Needed for pools only.",
			},
		},
	}
}

func (localkube) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	var config settings
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	assetsDir := folder(resp, config.AssetsDir, "assets_dir", assetsDirVariable)
	dataDir := folder(resp, config.DataDir, "data_dir", dataDirVariable)
	if resp.Diagnostics.HasError() {
		return
	}
	clusters, err := cluster.New(assetsDir, dataDir)
	if err != nil {
		resp.Diagnostics.AddError("Wrong folder", err.Error())
		return
	}
	resp.ResourceData = configured{clusters: clusters, kubeconfig: config.Kubeconfig}
}

func (localkube) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{
		func() resource.Resource { return &clusterResource{} },
		func() resource.Resource { return &poolResource{} },
	}
}

func (localkube) DataSources(context.Context) []func() datasource.DataSource { return nil }

// folder is the value of a setting, or else of its variable; without either there is an error.
func folder(resp *provider.ConfigureResponse, value types.String, setting, variable string) string {
	if value.IsUnknown() {
		resp.Diagnostics.AddAttributeError(path.Root(setting), "Unknown folder",
			fmt.Sprintf("%s must be known when a plan is made: it cannot come from a resource.", setting))
		return ""
	}
	if folder := value.ValueString(); folder != "" {
		return folder
	}
	folder := os.Getenv(variable)
	if folder == "" {
		resp.Diagnostics.AddAttributeError(path.Root(setting), "Missing folder",
			fmt.Sprintf("Set %s in the provider's block, or the environment variable %s.", setting, variable))
	}
	return folder
}
