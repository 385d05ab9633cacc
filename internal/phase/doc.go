// Package phase is the shape of every reconciler: a list of small steps, each
// of which says how things stand in one of a few words (Outcome).
//
// Run carries the steps out. It is the only code that sets the conditions of
// steps, emits events, measures durations and decides when to look again, so that
// a step cannot forget one of them and all controllers speak alike. (Reporter.Tell is for
// the few events that no condition stands for.) Summarize sums the conditions up, and
// Finish writes what has changed.
//
// The trade-off: a step says nothing but its outcome. What it found out goes
// into the scope that the steps of one reconcile share, and what it wants to
// be known goes into the object's status.
package phase
