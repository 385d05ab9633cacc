// Package tofu drives one OpenTofu command line program as a child process:
// arguments, environment, JSON stream, exit codes, signals. It knows nothing of
// Kubernetes and nothing of what a run is for.
//
// It promises that a command is interrupted exactly once and then waited for.
// OpenTofu gets a session of its own, so that neither a terminal's ^C nor a
// signal to our process group reaches it or its provider plugins. When we are
// killed it goes on to the end of what it does and leaves its state in its
// working directory: a creation that is finished is worth more than one that is
// cut short, which the next plan would undo. It promises, too, that nothing is
// inherited: the environment is the one given and no more.
//
// What OpenTofu prints is read from files in memory rather than from pipes: a
// Go program that writes to a broken pipe on its standard output dies at once,
// and an OpenTofu that outlives us must live to write its errored.tfstate. The
// price is that lines are looked for ten times a second instead of waited for.
//
// Of the stream only what Message names is decoded. OpenTofu may print outputs
// or even the whole state there, so the raw text goes nowhere.
//
// Process handling is Linux only: memfd, sessions.
package tofu
