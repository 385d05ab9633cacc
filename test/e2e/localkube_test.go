package e2e

import infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"

// localkubeModule makes a real cluster.
const localkubeModule = `
terraform {
  required_providers {
    localkube = { source = "captproject/localkube" }
  }
}

variable "namespace" {
  type = string
}

variable "kubernetes_version" {
  type = string
}

resource "localkube_cluster" "this" {
  name               = var.namespace
  kubernetes_version = var.kubernetes_version
}

output "kubeconfig" {
  value     = localkube_cluster.this.kubeconfig
  sensitive = true
}

output "asked_for" {
  value = localkube_cluster.this.kubernetes_version
}

output "id" {
  value = localkube_cluster.this.id
}
`

// localkubeParts are a cluster with localkubeModule, not created yet.
func (s *sandbox) localkubeParts() *parts {
	s.Helper()
	p := s.cheapParts()
	p.module().Module = localkubeModule
	p.plane.Spec.Kubeconfig = nil
	p.module().Env = nil
	for _, name := range []string{"LOCALKUBE_ASSETS_DIR", "LOCALKUBE_DATA_DIR"} {
		p.module().Env = append(p.module().Env, infrav1.EnvVar{
			Name: name, ConfigMapKeyRef: &infrav1.KeyReference{Name: "localkube", Key: name},
		})
	}
	return p
}
