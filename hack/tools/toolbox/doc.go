// Package toolbox provides the real programs that development and tests run:
// etcd, kube-apiserver, kubectl, Cluster API core, clusterctl, tofu, the
// project's own Terraform provider, and by name those of a node, the linter and
// the generator.
//
// [Ensure] promises that every program it returns exists, is the pinned
// version, and was built completely. What is missing is built from Go modules
// with the Go toolchain alone, so a fresh machine needs no package manager, no
// container runtime and no downloads of binaries.
//
// Programs are kept in the user's cache directory, under a hash of everything
// that decides what the binary is (see key.go). A second checkout, or another
// branch with the same pins, therefore starts at once, and a changed pin can
// never run an old binary. The price is disk space, about 500 MB for one set;
// programs not used for a month are removed when a newer one is built.
//
// Each program family has a go.mod of its own under hack/tools, since the
// dependencies of Kubernetes, OpenTofu and the linter do not agree.
//
// Locking uses flock, so the package works on Linux and other Unixes only.
package toolbox
