package provider

import (
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/mapplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var poolSchema = schema.Schema{
	Description: "Nodes in the cluster of the provider's setting kubeconfig: objects which nothing runs behind.",
	Attributes: map[string]schema.Attribute{
		"cluster": schema.StringAttribute{
			Required:      true,
			Description:   "Name of the cluster, for the provider IDs. A change replaces the pool.",
			Validators:    []validator.String{nameRule},
			PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
		},
		"name": schema.StringAttribute{
			Required:      true,
			Description:   "Name of the pool, of which there is one in the cluster. A change replaces the pool.",
			Validators:    []validator.String{poolRule},
			PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
		},
		"replicas": schema.Int64Attribute{
			Optional:      true,
			Computed:      true,
			Description:   "How many Nodes there are. By default as many as there are by now; 1 at first.",
			Validators:    []validator.Int64{countRule{}},
			PlanModifiers: []planmodifier.Int64{int64planmodifier.UseStateForUnknown()},
		},
		"kubernetes_version": schema.StringAttribute{
			Required:    true,
			Description: "Version that the Nodes tell as that of their kubelet. A change replaces them, one after the other.",
			Validators:  []validator.String{versionRule},
		},
		"labels": schema.MapAttribute{
			Optional:      true,
			ElementType:   types.StringType,
			Description:   "Labels of the Nodes. A change replaces the pool.",
			PlanModifiers: []planmodifier.Map{mapplanmodifier.RequiresReplace()},
		},
		"provider_id_list": schema.ListAttribute{
			Computed:    true,
			ElementType: types.StringType,
			Description: "Provider IDs of the Nodes, localkube://<cluster>/<name>/<number>.",
		},
	},
}
