// Package proxy is an API server's bad day: it stands in front of a
// kube-apiserver and, while it is told to, delays requests, refuses them, cuts
// watches, and carries writes out without telling the caller.
//
// Promise: a refusal is one that a kube-apiserver gives, a metav1.Status with
// its code and header, and a request that is refused has not been carried out.
// What happens to a request depends on nothing but the seed, its method, its
// path, and how many such requests there were before.
//
// It listens on the loopback interface and serves nobody without its key, or
// without a credential of the API server.
package proxy
