// Command dev runs CAPT on this machine: as a demonstration from beginning to
// end, or as a management cluster to work with. See package environment for
// what it consists of and what it promises.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/captproject/capt/dev/environment"
)

const usage = `CAPT on this machine, on real programs.

Usage:
  go run ./dev demo   start a management cluster, make a cluster with
                      examples/localkube, use it, delete it, and prove that
                      nothing is left
  go run ./dev up     start a management cluster and keep it until interrupted

"go run ./dev COMMAND --help" tells more. Nothing is left behind by either,
even when it is killed. Any number can run at the same time.
`

var errUsage = errors.New("wrong arguments: see go run ./dev --help")

func main() {
	// Nothing of what the libraries log is for the person at the terminal.
	log.SetLogger(logr.Discard())
	ctx, cancel := environment.Interruptible()
	err := run(ctx, os.Args[1:])
	cancel()
	if err != nil {
		fmt.Fprintf(os.Stderr, "dev: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		args = []string{"help"}
	}
	switch args[0] {
	case "demo":
		return runDemo(ctx, args[1:])
	case "up":
		return runUp(ctx, args[1:])
	case "help", "-h", "--help":
		_, err := io.WriteString(os.Stdout, usage)
		return err
	}
	return errUsage
}

// parse reads the flags of a command. It reports whether the command is to be
// run: with --help, only its usage is shown.
func parse(flags *flag.FlagSet, usage string, args []string) (bool, error) {
	flags.SetOutput(io.Discard)
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, err := io.WriteString(os.Stdout, usage)
		return false, err
	case err != nil:
		return false, fmt.Errorf("%w: see go run ./dev %s --help", err, flags.Name())
	case flags.NArg() > 0:
		return false, fmt.Errorf("unexpected argument %q: see go run ./dev %s --help", flags.Arg(0), flags.Name())
	}
	return true, nil
}
