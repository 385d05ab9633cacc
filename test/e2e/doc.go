// Package e2e tests CAPT from end to end on real parts: etcd and
// kube-apiserver, Cluster API core, CAPT's manager and runners, OpenTofu, and
// clusters of test/localkube.
//
// Everything is asked for and looked at through the Kubernetes API, as a user
// would, except for the outside world that modules touch: files, processes,
// workload clusters. All tests share one management cluster and have a
// namespace each. After each test, whatever it was about, the status of every
// object of ours must be in order (see checkInvariants), all of its clusters
// are deleted, and nothing of them may be left.
//
// Most tests run a module that makes nothing and hands out a real credential of
// the management cluster itself, of a ServiceAccount of the test's own: a
// client made from it really works, and says in whose name, for a tenth of what
// a localkube cluster costs.
//
// Nothing here depends on how long something takes: what is to happen is waited
// for, and that nothing happens is asserted after reconciles that are seen to
// have taken place (see nudge).
package e2e
