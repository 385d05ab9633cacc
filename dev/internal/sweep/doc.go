// Package sweep finds and ends the processes of a development environment.
//
// Promise: a process belongs to an environment exactly if the environment's
// root directory, a path of its own that nothing else uses, stands in its
// arguments or its environment variables. So everything is found that was
// started for it, also what outlived its starter or was started by something
// that knows nothing of environments, and nothing has to be written down while
// it runs.
//
// Trade-off: a person's `tail -f <root>/…` counts as one, too. Only processes
// of the own user are looked at. /proc makes this package Linux only.
package sweep
