package provider

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/captproject/capt/test/localkube/internal/kubeconfig"
	"github.com/captproject/capt/test/localkube/internal/nodes"
	"github.com/captproject/capt/test/localkube/internal/rest"
)

// poolModel is the resource as configuration, plan and state have it.
type poolModel struct {
	Cluster           types.String `tfsdk:"cluster"`
	Name              types.String `tfsdk:"name"`
	Replicas          types.Int64  `tfsdk:"replicas"`
	KubernetesVersion types.String `tfsdk:"kubernetes_version"`
	Labels            types.Map    `tfsdk:"labels"`
	ProviderIDList    types.List   `tfsdk:"provider_id_list"`
}

// poolResource uses the kubeconfig of the provider, and not one of its own: a state keeps what was good at the last
// apply, and a credential may have ended since.
type poolResource struct {
	kubeconfig types.String
}

var _ resource.ResourceWithConfigure = &poolResource{}

func (r *poolResource) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = "localkube_node_pool"
}

func (r *poolResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = poolSchema
}

// Configure gets no data while a configuration is only validated.
func (r *poolResource) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	data, _ := req.ProviderData.(configured)
	r.kubeconfig = data.kubeconfig
}

// Create has the state know of the pool before there is any of it, so that what an interruption leaves is destroyed.
func (r *poolResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan poolModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if plan.Replicas.IsUnknown() {
		plan.Replicas = types.Int64Value(1)
	}
	begun := plan
	begun.setNodes(ctx, nil, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, &begun)...)
	r.ensure(ctx, &plan, &resp.State, &resp.Diagnostics)
}

func (r *poolResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan poolModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	r.ensure(ctx, &plan, &resp.State, &resp.Diagnostics)
}

// ensure makes the Nodes be as planned, and writes the state.
func (r *poolResource) ensure(ctx context.Context, plan *poolModel, state *tfsdk.State, diagnostics *diag.Diagnostics) {
	found, err := r.with(plan, func(pool nodes.Pool) ([]nodes.Node, error) {
		if err := pool.Ensure(ctx, int(plan.Replicas.ValueInt64()), plan.KubernetesVersion.ValueString()); err != nil {
			return nil, err
		}
		return pool.List(ctx)
	})
	if err != nil {
		diagnostics.AddError("Pool "+plan.Name.ValueString()+" is not as wanted", err.Error())
		return
	}
	plan.setNodes(ctx, found, diagnostics)
	diagnostics.Append(state.Set(ctx, plan)...)
}

// Read tells how many Nodes there are, whoever made them. One of another version than the state's shows as a change of
// the version.
func (r *poolResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state poolModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	found, err := r.with(&state, func(pool nodes.Pool) ([]nodes.Node, error) { return pool.List(ctx) })
	if err != nil {
		resp.Diagnostics.AddError("Pool "+state.Name.ValueString()+" could not be looked at", err.Error())
		return
	}
	state.Replicas = types.Int64Value(int64(len(found)))
	for _, node := range found {
		if node.Version != state.KubernetesVersion.ValueString() {
			state.KubernetesVersion = types.StringValue(node.Version)
			break
		}
	}
	state.setNodes(ctx, found, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
}

func (r *poolResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state poolModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	_, err := r.with(&state, func(pool nodes.Pool) ([]nodes.Node, error) {
		return nil, pool.Ensure(ctx, 0, "")
	})
	if err != nil {
		resp.Diagnostics.AddError("Pool "+state.Name.ValueString()+" was not deleted", err.Error())
	}
}

// with does something with the pool of a model.
func (r *poolResource) with(m *poolModel, do func(nodes.Pool) ([]nodes.Node, error)) ([]nodes.Node, error) {
	if r.kubeconfig.ValueString() == "" {
		return nil, errors.New("the provider's setting kubeconfig is missing, or not known yet")
	}
	access, err := kubeconfig.Read(r.kubeconfig.ValueString())
	if err != nil {
		return nil, err
	}
	api, err := rest.New(access)
	if err != nil {
		return nil, err
	}
	defer api.Close()
	return do(nodes.Pool{API: api, Cluster: m.Cluster.ValueString(), Name: m.Name.ValueString(), Labels: m.labels()})
}

func (m *poolModel) labels() map[string]string {
	labels := map[string]string{}
	for name, value := range m.Labels.Elements() {
		if text, ok := value.(types.String); ok {
			labels[name] = text.ValueString()
		}
	}
	return labels
}

func (m *poolModel) setNodes(ctx context.Context, found []nodes.Node, diagnostics *diag.Diagnostics) {
	ids := []string{}
	for _, node := range found {
		ids = append(ids, node.ProviderID)
	}
	list, problems := types.ListValueFrom(ctx, types.StringType, ids)
	diagnostics.Append(problems...)
	m.ProviderIDList = list
}
