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
// A state that is larger than a Secret, compressed, is divided. Its Secret, the
// head, then lists the parts; that is what no backend but ours can read. The next
// state goes into parts of another group, so that the old one is whole until the
// head, in one write, points to the new one.
//
// All names are known beforehand (SecretNames), so that whoever writes a state
// needs no right to list Secrets or to make others.
package tfstate
