// Package tfstate says how an OpenTofu state and its lock are kept in
// Kubernetes: names, labels, encoding. It is pure and talks to nobody.
//
// It promises to keep them exactly as OpenTofu's own "kubernetes" backend does
// (internal/backend/remote-state/kubernetes of OpenTofu 1.12), so that a person
// can look at, rescue or move a state with nothing but `tofu`:
//
//	terraform {
//	  backend "kubernetes" {
//	    namespace     = "<namespace>"
//	    secret_suffix = "<Suffix(namespace, workspace)>"
//	  }
//	}
//
// The one difference: the ID of a lock is not random but the name of the run
// that holds it, which is what `tofu force-unlock` then asks for.
//
// A state must fit into one Secret, compressed: 1 MiB.
package tfstate
