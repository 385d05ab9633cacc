// Package v1beta1 is the controlplane.cluster.x-k8s.io/v1beta1 API of CAPT: a
// Kubernetes control plane made by a module, ending in a kubeconfig Secret.
//
// The kinds follow the Cluster API contract v1beta2.
//
// +kubebuilder:object:generate=true
// +groupName=controlplane.cluster.x-k8s.io
package v1beta1
