// Package v1beta1 is the infrastructure.cluster.x-k8s.io/v1beta1 API of CAPT:
// what a module is (WorkspaceTemplate), an instance of it
// (WorkspaceTemplateApply), one execution (WorkspaceRun), and the
// infrastructure of a Cluster API cluster (CAPTCluster).
//
// Validation and immutability are CEL rules in the CRDs, so that no webhook is
// needed to install CAPT. The kinds follow the Cluster API contract v1beta2.
//
// +kubebuilder:object:generate=true
// +groupName=infrastructure.cluster.x-k8s.io
package v1beta1
