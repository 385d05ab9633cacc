package environment

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// ManagerOptions say in what one of several managers differs from the one of
// StartManager.
type ManagerOptions struct {
	// Name is the name of its log.
	Name string
	// Program is its path. It must take the flags of CAPT's manager, and have
	// capt-runner beside it.
	Program string
	// Kubeconfig is a path; the runners use it as well. By default that of CAPT's
	// user.
	Kubeconfig string
	// Args are further arguments; of a flag given twice the last counts.
	Args []string
	// Variables are further environment variables, NAME=value each.
	Variables []string
}

// Manager is one of several managers. What becomes of it is no matter of
// Failed, and whatever is left of it ends with the environment.
type Manager struct{ process *process }

// BuildManager builds another manager beside capt-runner, and returns its path. The
// package is named as the go command does, from the checkout.
func (e *Environment) BuildManager(ctx context.Context, pkg string) (string, error) {
	path := e.path("bin", "manager-of-a-test")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, pkg)
	cmd.Dir, cmd.Env = e.Programs.Checkout(), append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, output)
	}
	return path, nil
}

// RunManager starts one more manager beside those that run, and does not wait
// until it is ready: where the API server refuses, it may never be.
func (e *Environment) RunManager(ctx context.Context, options ManagerOptions) (*Manager, error) {
	process, _, err := e.startManager(ctx, options)
	if err != nil {
		return nil, err
	}
	return &Manager{process: process}, nil
}

// Ended is closed when it has ended, by itself or because it was told to.
func (m *Manager) Ended() <-chan struct{} { return m.process.ended }

// Stop sends it the signal and waits for its end. The runs that it has started
// go on.
func (m *Manager) Stop(signal os.Signal) error { return m.process.stop(signal) }

// Signal sends it a signal.
func (m *Manager) Signal(signal os.Signal) error {
	if err := m.process.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("send %s to %s: %w", signal, m.process.name, err)
	}
	return nil
}
