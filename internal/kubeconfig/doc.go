// Package kubeconfig judges, rebuilds and compares kubeconfigs, and builds the Secrets that hold one.
//
// Promise: Judge accepts only what opens a cluster from anywhere with nothing but its own content:
// one usable context, an https server, certificates that parse and are valid now, one static
// credential; no command to run, no file to read, no proxy, no other identity, no skipped
// verification. What is accepted is taken apart, and Bytes writes a new file from the judged parts,
// so that nothing unjudged passes through. The same parts give the same bytes. Every refusal has
// its own reason and a constant message: no message holds anything of the input.
//
// Trade-offs: a user with both a client certificate and a token (AKS writes both) keeps the
// certificate only, which is what an API server looks at first and whose end can be read. A
// kubeconfig with insecure-skip-tls-verify is refused unless the caller allows it in words (AllowInsecure). A CA bundle may hold
// expired certificates beside a valid one, because a CA is rotated that way. A file that may have
// YAML aliases is refused before it is parsed, because they can make gigabytes of it.
//
// Clock skew: a credential or CA may begin up to 5 minutes after now (ClockSkew), as it does
// when it was just made by a machine whose clock is ahead. Nothing may have ended.
//
// Everything here is a function of values: no clock, no client, no input or output.
package kubeconfig
