package chaos

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

const (
	templateName = "trivial"
	// inputsName is the Secret with the kubeconfigs that the module hands out.
	inputsName = "inputs"
)

// trivialModule makes nothing and hands out one of two kubeconfigs.
const trivialModule = `
variable "cluster_name" {
  type = string
}

variable "credential" {
  type = string
}

variable "token" {
  type      = string
  sensitive = true
}

variable "certificate" {
  type      = string
  sensitive = true
}

resource "terraform_data" "this" {
  input = var.cluster_name
}

output "kubeconfig" {
  value     = var.credential == "token" ? var.token : var.certificate
  sensitive = true
}
`

func newTemplate() *infrav1.WorkspaceTemplate {
	variable := func(name string) infrav1.EnvVar {
		return infrav1.EnvVar{Name: "TF_VAR_" + name, SecretKeyRef: &infrav1.KeyReference{Name: inputsName, Key: name}}
	}
	return &infrav1.WorkspaceTemplate{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: templateName},
		Spec: infrav1.WorkspaceTemplateSpec{Template: infrav1.WorkspaceDescription{Spec: infrav1.WorkspaceDescriptionSpec{
			ForProvider: infrav1.ModuleSpec{
				Source: infrav1.ModuleSourceInline,
				Module: trivialModule,
				Env:    []infrav1.EnvVar{variable("token"), variable("certificate")},
			},
		}}},
	}
}
