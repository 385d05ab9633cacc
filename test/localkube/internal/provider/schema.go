package provider

import (
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

var clusterSchema = schema.Schema{
	Description: "A Kubernetes API server with an etcd of its own, on a free port of 127.0.0.1. " +
		"Its processes outlive OpenTofu; destroying the resource ends them.",
	Attributes: map[string]schema.Attribute{
		"name": schema.StringAttribute{
			Required: true,
			Description: "Name of the cluster: lower case letters, digits and hyphens. Within one data_dir it belongs to one resource: " +
				"creating a second one of the name ends the first. A change replaces the cluster.",
			Validators:    []validator.String{nameRule},
			PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
		},
		"kubernetes_version": schema.StringAttribute{
			Optional: true,
			Computed: true,
			Description: "Version that is asked for. It is recorded and can be changed in place, but what runs is " +
				"always the kube-apiserver in assets_dir: see server_version, which is also the default.",
			Validators:    []validator.String{versionRule},
			PlanModifiers: keep,
		},
		"create_delay": schema.StringAttribute{
			Optional: true,
			Description: "For tests: how long the creation takes at least, such as \"30s\". The processes run " +
				"already meanwhile, so that an interruption has something to end.",
			Validators: []validator.String{delayRule},
		},
		"fail_first": schema.Int64Attribute{
			Optional:    true,
			Description: "For tests: how many creations of this name fail, at once, before one succeeds.",
		},
		"credential_ttl": schema.StringAttribute{
			Optional: true,
			Description: "For tests: life of the client certificate and of the token, such as \"15m\". Default: one " +
				"year for the certificate, one hour for the token. After a third of its life a refresh renews it.",
			Validators: []validator.String{ttlRule},
		},
		"id":                     computed("Identity of this very cluster: a new one of the same name has another.", false),
		"server_version":         computed("Version that the API server says it has.", false),
		"endpoint":               computed("URL of the API server, https://127.0.0.1:<port>.", false),
		"cluster_ca_certificate": computed("Certificate of the cluster's certificate authority, PEM.", false),
		"client_certificate":     computed("Certificate of an administrator, PEM.", false),
		"client_key":             computed("Private key of client_certificate, PEM.", true),
		"kubeconfig":             computed("Kubeconfig with client_certificate, YAML, everything embedded.", true),
		"token":                  computed("Short-lived token of a service account with the role cluster-admin.", true),
	},
}

// keep: a plan that changes something else leaves the attribute as it is.
var keep = []planmodifier.String{stringplanmodifier.UseStateForUnknown()}

func computed(description string, sensitive bool) schema.StringAttribute {
	return schema.StringAttribute{
		Computed:      true,
		Sensitive:     sensitive,
		Description:   description,
		PlanModifiers: keep,
	}
}
