// Package environment runs a whole management cluster on this machine: etcd,
// kube-apiserver, Cluster API core with its webhooks, and CAPT's manager, all
// of them the real programs, each a process of its own. The demo, `make dev`,
// the end-to-end tests and the benchmark all stand on it.
//
// Promise: an [Environment] leaves nothing behind. Every process it starts,
// and every one started for it by CAPT, by OpenTofu or by a provider, has the
// environment's root directory in its arguments or variables. A guard (command
// dev/guard), in a session of its own, ends all of those and removes the root
// as soon as the process that started the environment has ended, even by
// SIGKILL. Everything listens on free ports of the loopback interface (only
// the webhooks of Cluster API core, which know no other way, on all
// interfaces), so that environments run side by side.
//
// CAPT's manager is run as in production: as a user of its own with exactly
// the ClusterRole of config/rbac, and with leader election.
//
// Trade-off: there is no kube-controller-manager and no node. Nothing is
// garbage collected by owner references, a deleted namespace stays in
// Terminating, and there are no ServiceAccount tokens. Whatever works here
// relies on none of them; package test/node adds them. Linux only.
package environment
