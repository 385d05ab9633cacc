// Package sweep finds and ends the processes of a development environment, and
// undoes what they did to the machine.
//
// Promise: a process belongs to an environment exactly if the environment's
// root directory, a path of its own that nothing else uses, stands in its
// arguments or its environment variables, or if it is in the environment's
// cgroup. So everything is found that was started for it, also what outlived
// its starter or was started by something that knows nothing of environments
// (containers, for instance), and nothing has to be written down while it runs.
//
// Trade-off: a person's `tail -f <root>/…` counts as one, too. Only processes
// of the own user are looked at, unless that is root. /proc makes this package
// Linux only.
package sweep
