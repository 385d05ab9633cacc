package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/captproject/capt/test/localkube/internal/cluster"
)

type clusterResource struct {
	clusters cluster.Clusters
}

var (
	_ resource.ResourceWithConfigure  = &clusterResource{}
	_ resource.ResourceWithModifyPlan = &clusterResource{}
)

func (r *clusterResource) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = "localkube_cluster"
}

func (r *clusterResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = clusterSchema
}

// Configure gets no data while a configuration is only validated.
func (r *clusterResource) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	data, _ := req.ProviderData.(configured)
	r.clusters = data.clusters
}

// ModifyPlan finds missing programs before anything is applied, and plans new credentials when their life changes.
func (r *clusterResource) ModifyPlan(
	ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse,
) {
	if req.Plan.Raw.IsNull() {
		return
	}
	if req.State.Raw.IsNull() {
		if err := r.clusters.CheckPrograms(); err != nil {
			resp.Diagnostics.AddError("No programs to start a cluster with", err.Error()+
				".\nThe setting assets_dir must be the folder with etcd and kube-apiserver.")
		}
		return
	}
	var plan, state model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() || plan.CredentialTTL.Equal(state.CredentialTTL) {
		return
	}
	plan.forgetCredentials()
	resp.Diagnostics.Append(resp.Plan.Set(ctx, &plan)...)
}

func (r *clusterResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	made, err := r.clusters.Create(ctx, plan.settings())
	if err != nil {
		resp.Diagnostics.AddError("Cluster "+plan.Name.ValueString()+" was not created", err.Error())
		return
	}
	plan.setCluster(made)
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
}

// Read drops a cluster that no longer runs from the state, so that the next apply makes it again. It keeps one that
// runs without answering: making it again could not be undone, and it may only be slow.
func (r *clusterResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	name := state.Name.ValueString()
	seen, err := r.clusters.Observe(ctx, name, state.ID.ValueString())
	if err != nil {
		resp.Diagnostics.AddError("Cluster "+name+" could not be looked at", err.Error())
		return
	}
	if !seen.Running {
		resp.State.RemoveResource(ctx)
		return
	}
	if seen.Silence != nil {
		resp.Diagnostics.AddWarning("Cluster "+name+" runs, but does not answer", seen.Silence.Error())
		return
	}
	state.ServerVersion = types.StringValue(seen.ServerVersion)
	if err := r.renew(&state); err != nil {
		resp.Diagnostics.AddError("Credentials of cluster "+name+" were not renewed", err.Error())
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
}

// Update changes only what the state records, and the credentials if the plan wants new ones.
func (r *clusterResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if plan.Token.IsUnknown() {
		if err := r.renew(&plan); err != nil {
			resp.Diagnostics.AddError("Credentials of cluster "+plan.Name.ValueString()+" were not renewed", err.Error())
			return
		}
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
}

func (r *clusterResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	name := state.Name.ValueString()
	if err := r.clusters.Delete(ctx, name, state.ID.ValueString()); err != nil {
		resp.Diagnostics.AddError("Cluster "+name+" was not deleted", err.Error())
	}
}

func (r *clusterResource) renew(m *model) error {
	renewed, err := r.clusters.Renew(m.Name.ValueString(), m.credentials(), duration(m.CredentialTTL))
	if err != nil {
		return err
	}
	m.setCredentials(renewed)
	return nil
}
