// Command guard cleans up after a development environment, however that ends.
//
// The environment starts it first. It makes the root directory, prints its
// path, and reads orders from its standard input, one a line:
//
//	remove PATH       at the end, remove this file or tree
//	remove-empty PATH at the end, remove this directory if it is empty
//	keep PATH         forget an earlier order about this path
//
// The end is when its standard input closes. The kernel does that when the
// environment's process ends, even by SIGKILL or a panic. Then it kills every
// process with the root directory in its arguments or variables and those in
// the cgroup named after it, removes the cgroup, what is mounted below the root
// directory and that directory, and carries out its orders.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/captproject/capt/dev/internal/sweep"
)

func main() {
	// A signal for everything at once (^C, a closed terminal, the end of a CI
	// job) must not take away the one that cleans up. SIGPIPE: whoever would
	// read what we say may be gone.
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	if err := guard(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "guard: %v\n", err)
		os.Exit(1)
	}
}

func guard(orders io.Reader, out io.Writer) error {
	root, err := os.MkdirTemp("", "capt-env-")
	if err != nil {
		return fmt.Errorf("make the root directory: %w", err)
	}
	_, printErr := fmt.Fprintln(out, root)
	trees, empties := read(orders)

	err = errors.Join(printErr, sweep.End(root), sweep.RemoveCgroup(root), removeRoot(root))
	for _, path := range trees {
		err = errors.Join(err, os.RemoveAll(path))
	}
	for _, path := range empties {
		// It may well hold something of somebody else.
		_ = os.Remove(path)
	}
	return err
}

// removeRoot spares what is mounted below the root directory: it is still
// somebody's if it cannot be unmounted.
func removeRoot(root string) error {
	if err := sweep.Unmount(root); err != nil {
		return err
	}
	return os.RemoveAll(root)
}

// read reads orders until there are no more.
func read(orders io.Reader) (trees, empties []string) {
	scanner := bufio.NewScanner(orders)
	for scanner.Scan() {
		order, path, _ := strings.Cut(scanner.Text(), " ")
		switch order {
		case "remove":
			trees = append(trees, path)
		case "remove-empty":
			empties = append(empties, path)
		case "keep":
			other := func(p string) bool { return p == path }
			trees, empties = slices.DeleteFunc(trees, other), slices.DeleteFunc(empties, other)
		}
	}
	return trees, empties
}
