// Package cluster starts and ends Kubernetes API servers, each with an etcd of its own, as processes of this machine.
//
// Promise: a cluster is there as a whole or not at all, and no process is ever orphaned or doubled. Whatever Create
// started it stops when it fails or is interrupted. When its caller is killed, the next Create of the same name finds
// what was left, stops it and starts anew. It does not adopt it: the credentials went down with the caller, and the
// settings may have changed. Anything that is stopped is the recorded process or nothing (see package process).
//
// What follows: within one data directory a name belongs to one cluster. Who creates a second cluster of a name ends
// the first one.
//
// On disk, below the data directory: the directory <name>/ with cluster.json, the processes' records, logs, keys and
// data; <name>.lock while somebody works on it; <name>.failures when failures were asked for. All of them are gone
// after Delete. The path of the directory is in the arguments of each process.
//
// etcd listens on sockets inside the directory, which only its owner may enter, so that it needs neither ports nor
// certificates. The API server listens on 127.0.0.1. Data is not synced to disk: it is worth nothing after a crash.
package cluster
