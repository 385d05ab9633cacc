// Package process carries out runs as child processes of the manager: for
// development, tests, the demo, and small set-ups with one tenant, since every
// module then runs with the rights of the manager's user.
//
// A runner is started in a session of its own and outlives the manager. What
// must be known of it lies in the run's directory: a file it holds locked for
// as long as it lives, so that "is it alive" is answered by the kernel and not
// by a process id, and its result. Linux only.
//
// The trade-off: runs are tied to the machine that started them. A manager on
// another machine sees that, and waits, rather than calling them lost.
package process
