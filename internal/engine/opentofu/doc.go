// Package opentofu is the engine that drives OpenTofu: every change of a
// workspace is a WorkspaceRun, which an Executor carries out.
//
// What a workspace needs is decided from the world alone: the runs there are,
// the digest on the Secret of its outputs, and the state. Three rules keep two
// runs of a workspace from ever being active at once: a run is started only
// when the one before it is seen to have ended; the name of a run is its number
// in sequence, so that creating it from a stale view of the world fails; and
// OpenTofu's own lock on the state names the run that holds it.
package opentofu
