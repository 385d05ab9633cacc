// Command bench measures CAPT on this machine, on real programs: how long a
// Cluster takes to have its kubeconfig Secret, beside the same modules run by
// hand, and what CAPT's manager costs while nothing happens.
//
// Promise: numbers are only compared with numbers of the same run, taken
// alternately, since machines differ and are not idle. A missed aim is shown
// and is no failure; the exit code tells whether everything could be measured.
// Nothing is left behind but the JSON file; see package environment.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/captproject/capt/dev/environment"
)

const usage = `Measures CAPT on this machine, on real programs: a table on standard output, the
same and more as JSON in .bench/ of the checkout, progress on standard error.

Usage:
  go run ./test/bench [--rounds N] [--only NAME,…]

  --rounds N     how often the creation of a cluster is measured (default 5)
  --only NAME,…  measure only some of these (default all):
                   localkube       time from a Cluster to its kubeconfig Secret,
                                   with examples/localkube, beside the bare CLI
                   terraform_data  the same with modules that do next to nothing
                   secrets         time from a deleted kubeconfig Secret until it is
                                   back, from new outputs to the Secret, and the
                                   writes per renewal
                   throughput      100 runs of a module of one terraform_data, 20 at a
                                   time, beside the bare CLI, and the memory they take
                   clusters        50, and then 200, Clusters created at once: seconds until
                                   all are Available, beside the bare CLI, requests to
                                   the API server, and memory of CAPT's manager
                   plugins         seconds and disk that the plugin of a provider costs a
                                   run, beside a bare tofu init
                   rest            requests, memory and CPU of CAPT's manager in
                                   two minutes at rest with ten clusters

Takes about twenty minutes, after the programs have been built once. Exit code 0
if everything could be measured, whatever came of it, else 1. Nothing is left
behind but the JSON file, even when it is killed.
`

// The measurements that are not of a scenario.
const (
	kubeconfigs  = "secrets"
	manyRuns     = "throughput"
	manyClusters = "clusters"
	plugin       = "plugins"
	rest         = "rest"
)

var measurements = []string{localkube, terraformData, kubeconfigs, manyRuns, manyClusters, plugin, rest}

var errUsage = errors.New("wrong arguments: see go run ./test/bench --help")

func main() {
	// Nothing of what the libraries log is for the person at the terminal.
	log.SetLogger(logr.Discard())
	ctx, cancel := environment.Interruptible()
	err := run(ctx, os.Args[1:])
	cancel()
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

// options are what the flags say.
type options struct {
	rounds int
	only   []string
}

// parse reads the flags. It returns flag.ErrHelp when only the usage is wanted.
func parse(args []string) (options, error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	rounds := flags.Int("rounds", 5, "")
	only := flags.String("only", strings.Join(measurements, ","), "")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return options{}, err
		}
		return options{}, fmt.Errorf("%w: %w", errUsage, err)
	}
	chosen := options{rounds: *rounds, only: strings.Split(*only, ",")}
	if flags.NArg() > 0 {
		return options{}, fmt.Errorf("%w: unexpected %q", errUsage, flags.Arg(0))
	}
	if chosen.rounds < 1 {
		return options{}, fmt.Errorf("%w: --rounds is %d, it must be at least 1", errUsage, chosen.rounds)
	}
	for _, name := range chosen.only {
		if !slices.Contains(measurements, name) {
			return options{}, fmt.Errorf("%w: --only knows %s, not %q", errUsage, strings.Join(measurements, ", "), name)
		}
	}
	return chosen, nil
}

func run(ctx context.Context, args []string) error {
	options, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		_, err := io.WriteString(os.Stdout, usage)
		return err
	}
	if err != nil {
		return err
	}
	programs, err := environment.Build(ctx, os.Stderr)
	if err != nil {
		return err
	}
	b, err := newBench(ctx, programs, time.Now())
	if err != nil {
		return err
	}
	r := newReport(ctx, programs.Checkout())
	b.measure(ctx, options, r)
	b.say("stopping the management cluster")
	if err := b.env.Stop(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	path, err := r.save(filepath.Join(programs.Checkout(), ".bench"))
	if err != nil {
		return err
	}
	fmt.Printf("%s\nAs JSON: %s\n", r.table(), path)
	if len(r.NotMeasured) > 0 {
		return fmt.Errorf("not everything could be measured:\n  %s", strings.Join(r.NotMeasured, "\n  "))
	}
	return nil
}
