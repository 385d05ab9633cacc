package e2e

// cheapModule makes nothing. Its output opens the management cluster.
const cheapModule = `
variable "cluster_name" {
  type = string
}

variable "kubeconfig" {
  type      = string
  sensitive = true
}

resource "terraform_data" "this" {
  input = var.cluster_name
}

output "kubeconfig" {
  value     = var.kubeconfig
  sensitive = true
}
`

// provisioned is a part of a module that runs the shell commands when it is
// made and when it is destroyed, with $dir.
func provisioned(dir, create, destroy string) string {
	return `
resource "terraform_data" "provisioned" {
  input = "` + dir + `"

  provisioner "local-exec" {
    command     = "` + create + `"
    environment = { dir = self.input }
  }

  provisioner "local-exec" {
    when        = destroy
    command     = "` + destroy + `"
    environment = { dir = self.input }
  }
}
`
}
