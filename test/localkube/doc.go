// Command localkube is a Terraform provider whose clusters are real Kubernetes API servers on this machine. CAPT is
// tested with it: where a user's module would call a cloud, ours calls this.
//
// It is also its own launcher: started as "localkube launch …" it becomes etcd or kube-apiserver (see
// internal/process). Linux only.
package main
