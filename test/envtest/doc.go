// Package envtest gives the tests of a package one real API server that knows
// the kinds of CAPT and of Cluster API: etcd and kube-apiserver, no controllers,
// no webhooks.
//
// It promises that the server does not outlive the tests, however they end: it
// runs under a process of its own, which is the test binary once more, and ends
// when the standard input of that process closes. The price is that TestMain has
// to hand over to Run before it does anything else.
//
// Without controllers a deleted namespace never goes: tests make their own and
// leave it behind.
package envtest
