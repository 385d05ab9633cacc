// Command capt-runner carries out one run of OpenTofu; see package runner.
//
// It is started by the manager. Its exit code is 0 when the run succeeded, 1
// when it did not (result.json in the run's directory says why), 2 when it could
// not be carried out at all.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/go-logr/logr"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
	"sigs.k8s.io/controller-runtime/pkg/client/config"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/runner"
)

// Exit codes.
const (
	exitSucceeded = 0
	exitFailed    = 1
	exitUnable    = 2
)

// noLock means that no lock was inherited.
const noLock = -1

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	options := runner.Options{Log: os.Stdout}
	flags, lock, version := flagSet(&options)
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return exitSucceeded
		}
		return unable(err)
	}
	if *version {
		fmt.Println("capt-runner", buildVersion())
		return exitSucceeded
	}
	if err := options.Validate(); err != nil {
		return unable(err)
	}
	if err := keepToOurselves(*lock); err != nil {
		return unable(err)
	}
	result, err := carryOut(options)
	if err != nil {
		return unable(err)
	}
	if result.Phase != infrav1.RunSucceeded {
		return exitFailed
	}
	return exitSucceeded
}

func flagSet(o *runner.Options) (flags *pflag.FlagSet, lock *int, version *bool) {
	flags = pflag.NewFlagSet("capt-runner", pflag.ContinueOnError)
	flags.StringVar(&o.Namespace, "namespace", "", "namespace of the workspace")
	flags.StringVar(&o.Workspace, "workspace", "", "name of the WorkspaceTemplateApply")
	flags.StringVar(&o.Run, "run", "", "name of the WorkspaceRun")
	flags.StringVar((*string)(&o.Operation), "operation", string(infrav1.OperationApply), "what to do: Apply, Plan or Destroy")
	flags.Var((*termsValue)(&o.Terms), "terms", "what the plan is judged by and how long all may take: fields of a WorkspaceRun's spec, as JSON")
	flags.StringVar(&o.InputsSecret, "inputs-secret", "", "name of the Secret that holds the inputs")
	flags.StringVar(&o.ApplyRequest, "apply-request", "", "noted with the outputs as the request that was complied with")
	flags.StringVar(&o.Dir, "dir", "", "the run's own directory, absolute; result.json and run.log are written to it")
	flags.StringVar(&o.Tofu, "tofu", "", "the OpenTofu program, absolute")
	flags.StringVar(&o.ProviderMirror, "provider-mirror", "", "directory of unpacked providers, absolute, or https URL of a network mirror; if set, providers come from nowhere else")
	flags.StringVar(&o.Plugins, "plugins", "", "directory in which providers that were downloaded are kept for other runs, absolute")
	flags.DurationVar(&o.Grace, "grace", runner.DefaultGrace, "how long an apply may take to end after SIGTERM or SIGINT, and how long a state waits to be saved while the Kubernetes API is away")
	flags.BoolVar(&o.Ephemeral, "ephemeral", false, "the directory is new and goes when the runner ends: a state that is nowhere else is held until it is saved, or SIGTERM and the grace are over")
	flags.StringVar(&o.TerminationLog, "termination-log", "", "file that takes a short form of the result, absolute")
	lock = flags.Int("lock-fd", noLock, "number of an inherited file descriptor to hold until the end, without handing it on")
	version = flags.Bool("version", false, "print the version and exit")
	flags.AddGoFlagSet(flag.CommandLine) // --kubeconfig
	return flags, lock, version
}

// termsValue is the flag --terms.
type termsValue infrav1.RunTerms

func (t *termsValue) String() string {
	text, _ := runner.EncodeTerms(infrav1.RunTerms(*t)) // of texts, numbers and lists
	return text
}

// Set is described by pflag.Value.
func (t *termsValue) Set(text string) error {
	terms, err := runner.DecodeTerms(text)
	*t = termsValue(terms)
	return err
}

// Type is described by pflag.Value.
func (t *termsValue) Type() string { return "JSON" }

// keepToOurselves keeps an inherited file descriptor from OpenTofu and its
// providers. Whoever waits for its lock waits for us, not for them.
func keepToOurselves(fd int) error {
	if fd == noLock {
		return nil
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC); err != nil {
		return fmt.Errorf("--lock-fd %d: %w", fd, err)
	}
	return nil
}

// carryOut does the run. Signals interrupt it; further ones change nothing.
func carryOut(options runner.Options) (*runner.Result, error) {
	ctrllog.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	cluster, err := config.GetConfig()
	if err != nil {
		return nil, fmt.Errorf("finding the Kubernetes API (--kubeconfig): %w", err)
	}
	cluster.UserAgent = "capt-runner"
	c, err := runner.NewClient(cluster)
	if err != nil {
		return nil, err
	}
	return runner.Run(ctx, c, options)
}

func unable(err error) int {
	fmt.Fprintln(os.Stderr, "capt-runner:", err)
	return exitUnable
}

func buildVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "unknown"
}
