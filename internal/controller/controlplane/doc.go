// Package controlplane reconciles CAPTControlPlanes: it has a module make a
// control plane and publishes the kubeconfig that opens it, for as long as the
// control plane lives.
//
// The kubeconfig is looked after in every reconcile, also while the module is
// being applied or fails: it depends on the outputs of the last success only.
package controlplane
