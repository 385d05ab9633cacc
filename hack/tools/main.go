// Command tools builds the real programs that development and tests run, and
// says where they are. See package toolbox for how.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/captproject/capt/hack/tools/toolbox"
)

const usage = `Real programs for development and tests, built from pinned Go modules.

Usage:
  go run ./hack/tools build [NAME...]   build what is missing; without names,
                                        all that "make demo" and "make test" need
  go run ./hack/tools path NAME         print where a program is, building it
                                        when it is missing
  go run ./hack/tools assets            print a folder that holds etcd,
                                        kube-apiserver and kubectl, for
                                        KUBEBUILDER_ASSETS
  go run ./hack/tools list              print the names of all programs

Built programs are kept under a hash of their version, their build flags and
the Go release, so that each is built once per user, not once per checkout.

Environment:
  CAPT_TOOLS_DIR      folder of built programs
                      (default: capt/tools in the user's cache directory)
  KUBEBUILDER_ASSETS  folder with an etcd, kube-apiserver and kubectl to use
                      instead of building them
  CAPT_TOFU           a tofu to use instead of building it
  CAPT_CLUSTERCTL     a clusterctl to use instead of building it
`

var errUsage = errors.New("wrong arguments: see go run ./hack/tools --help")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "hack/tools: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		args = []string{"help"}
	}
	command, names := args[0], args[1:]
	switch {
	case command == "build":
		_, err := toolbox.Ensure(ctx, stderr, names...)
		return err
	case command == "path" && len(names) == 1:
		programs, err := toolbox.Ensure(ctx, stderr, names...)
		if err == nil {
			_, err = fmt.Fprintln(stdout, programs.Path(names[0]))
		}
		return err
	case command == "assets" && len(names) == 0:
		programs, err := toolbox.Ensure(ctx, stderr, toolbox.Etcd, toolbox.KubeAPIServer, toolbox.Kubectl)
		if err == nil {
			_, err = fmt.Fprintln(stdout, programs.Assets)
		}
		return err
	case command == "list" && len(names) == 0:
		_, err := fmt.Fprintln(stdout, strings.Join(toolbox.Names(), "\n"))
		return err
	case command == "help" || command == "-h" || command == "--help":
		_, err := io.WriteString(stdout, usage)
		return err
	}
	return errUsage
}
