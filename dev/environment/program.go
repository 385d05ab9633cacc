package environment

import (
	"context"
	"fmt"
	"os"
	"os/exec"

	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/captproject/capt/dev/internal/sweep"
)

// Program is a program that is part of the environment without being known to
// it. What becomes of it is no matter of Failed, and whatever is left of it ends
// with the environment.
type Program struct{ process *process }

// StartProgram starts a program, with a log of this name, and returns when
// ready does not fail any more. The error tells the end of the log.
func (e *Environment) StartProgram(ctx context.Context, name string, ready func(context.Context) error, path string, args ...string) (*Program, error) {
	process, err := startProcess(e.command(path, args...), e.LogDir, name)
	if err != nil {
		return nil, err
	}
	return &Program{process: process}, process.waitReady(ctx, ready)
}

// Stop sends it the signal and waits for its end, which is forced after a while.
func (p *Program) Stop(signal os.Signal) error { return p.process.stop(signal) }

// Ended is closed when it has ended, by itself or because it was told to.
func (p *Program) Ended() <-chan struct{} { return p.process.ended }

func (e *Environment) command(path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Env = e.variables()
	return cmd
}

// User makes a user of the API server and returns the path of its kubeconfig,
// <name>.kubeconfig in the root directory.
func (e *Environment) User(name string, groups ...string) (kubeconfig string, err error) {
	user, err := e.plane.AddUser(envtest.User{Name: name, Groups: groups}, nil)
	if err != nil {
		return "", fmt.Errorf("make the user %s: %w", name, err)
	}
	kubeconfig = e.path(name + ".kubeconfig")
	return kubeconfig, writeKubeconfig(user, kubeconfig)
}

// MakeCgroup makes a cgroup for containers and returns its path in each
// hierarchy. What is in it belongs to the environment and ends with it.
func (e *Environment) MakeCgroup() (string, error) {
	return sweep.Cgroup(e.Root), sweep.MakeCgroup(e.Root)
}

// EndStrays kills all that was started for the environment but not by it
// (containers, runners, workload clusters), as a crash of the machine would,
// and removes the cgroup and what was mounted below the root directory.
func (e *Environment) EndStrays() error {
	for _, clean := range []func(string) error{sweep.EndStrays, sweep.RemoveCgroup, sweep.Unmount} {
		if err := clean(e.Root); err != nil {
			return fmt.Errorf("end what was started for the environment: %w", err)
		}
	}
	return nil
}
