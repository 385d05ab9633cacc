// Package chaos tests the one promise that stands above all others: every
// control plane ends with a kubeconfig Secret that opens its cluster, and keeps
// a valid one, after any failure, without a person.
//
// Control planes are made and looked after by two managers that fight for the
// lease, while, for minutes, the API server refuses or delays a share of their
// requests or drops the answer (package proxy), the clocks of the managers jump
// (program manager), the managers are killed or stopped for a while, and what
// they publish is deleted, corrupted, retyped and taken over. When all that
// ends, every Secret must be right within a minute. A watcher that sees every
// version of every Secret, past all faults, tells whether a good one was ever
// replaced by a worse one, and whether what belongs to others was touched. In
// the end no secret may be found outside of Secrets, searched for by value, in
// the logs, in all objects that there are, and in every version of those in which
// CAPT tells something.
//
// All chance comes from a seed, which is printed: when what is done to whom, and
// what becomes of the how-manyth request of which kind. How the processes
// interleave is not repeated.
//
// Cluster API core is not there, since its caches of so many clusters would take
// the machine; its part, to be the owner of control planes, is the test's. The
// cluster that every control plane opens is the management cluster itself, by
// way of another faulty API server.
package chaos
