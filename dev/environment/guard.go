package environment

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
)

// guard is the process that cleans up when this one has ended; see dev/guard.
type guard struct {
	root   string
	cmd    *exec.Cmd
	orders io.WriteCloser
	stderr bytes.Buffer
}

// startGuard starts the guard, which makes the root directory.
func startGuard(path string) (*guard, error) {
	g := &guard{cmd: exec.Command(path)}
	g.cmd.Stderr = &g.stderr
	// ^C goes to every process of the terminal's foreground; not to this one.
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	orders, err := g.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start the guard: %w", err)
	}
	answer, err := g.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the guard: %w", err)
	}
	if err := g.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the guard: %w", err)
	}
	g.orders = orders
	root, err := bufio.NewReader(answer).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("start the guard: it gave no root directory: %w", g.end())
	}
	g.root = strings.TrimSuffix(root, "\n")
	return g, nil
}

// order gives the guard an order about a path.
func (g *guard) order(order, path string) error {
	if _, err := fmt.Fprintf(g.orders, "%s %s\n", order, path); err != nil {
		return fmt.Errorf("tell the guard to %s %s: %w", order, path, err)
	}
	return nil
}

// end lets the guard clean up and waits until it has.
func (g *guard) end() error {
	_ = g.orders.Close()
	if err := g.cmd.Wait(); err != nil {
		return fmt.Errorf("clean up %s: %w: %s", g.root, err, strings.TrimSpace(g.stderr.String()))
	}
	return nil
}
