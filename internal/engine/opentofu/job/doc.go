// Package job carries out runs as Kubernetes Jobs, one Job with one pod for each
// run: runs outlive the manager, spread over nodes, and are walled off from each
// other by a ServiceAccount for each workspace.
//
// All that is known of a run lies in the API: its Job is found by a name made from
// the run's name and UID, its pods by a label. A run is over when no pod of it
// can run any more; its result is the pod's termination message. A finalizer
// keeps the pods until that was recorded, whoever deletes them or the Job. The
// Job itself stays for an hour after that, so that its log can be read.
//
// The Job is not the lock: Kubernetes may start a pod twice. The second runner
// finds the lock on the state held in its own name by another pod, and ends.
//
// A pod that has not started after 15 minutes is called off by suspending its
// Job, and the run fails with PodNotStarted; one that starts at that very moment
// is told to stop and leaves a result as ever.
//
// The trade-off: the ServiceAccount's token is a file that OpenTofu, its
// providers and the module can read, since they run in the same container as the
// same user. What it opens is what the runner needs for this one workspace: its
// inputs, state, lock and outputs by name. It cannot list or create.
package job
