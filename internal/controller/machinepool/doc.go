// Package machinepool reconciles CAPTMachinePools: it has a module make the node
// group of a MachinePool and tells Cluster API which machines there are.
//
// How many machines are wanted is decided by one of two: by the MachinePool, and
// the module is told; or, where the MachinePool says that its replicas are
// managed by somebody else, by that one, and the MachinePool is told what there
// is. This is the one place where something flows back to the object above, as
// the contract of Cluster API wants it.
package machinepool
