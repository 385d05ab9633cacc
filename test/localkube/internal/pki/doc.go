// Package pki makes the keys, certificates and service account tokens of one cluster, with the standard library alone.
//
// Promise: everything is signed here, without asking the cluster. The API server would not issue a token that lives
// for less than ten minutes, nor a client certificate without a signer that nobody runs; tests need both.
//
// Trade-off: one kind of key (ECDSA P-256) for everything, since it costs next to nothing to make.
package pki
