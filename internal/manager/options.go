package manager

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/pflag"
	"k8s.io/klog/v2"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client/config"

	"github.com/captproject/capt/internal/controller/run"
	"github.com/captproject/capt/internal/tofu"
)

// Options are what the flags say. NewOptions makes them.
type Options struct {
	metricsAddress          string
	healthAddress           string
	leaderElect             bool
	leaderElectionNamespace string
	namespace               string
	watchFilter             string
	concurrency             int
	limits                  run.Limits
	provider                providerName

	executor       executorName
	runnerImage    string
	runner         string
	tofu           string
	providerMirror string
	workDir        string
	kubeconfig     string
	// kubeconfigFlag is the flag of controller-runtime.
	kubeconfigFlag flag.Value
}

// NewOptions are the defaults.
func NewOptions() *Options {
	return &Options{
		metricsAddress: "0",
		healthAddress:  "127.0.0.1:9440",
		concurrency:    10,
		limits:         run.Limits{Total: 20},
		provider:       providerAll,
		executor:       executorProcess,
		runner:         beside("capt-runner"),
		tofu:           "tofu",
		workDir:        "/var/lib/capt/runs",
	}
}

// beside returns the path of a program in the directory of this one.
func beside(name string) string {
	self, err := os.Executable()
	if err != nil {
		return name
	}
	return filepath.Join(filepath.Dir(self), name)
}

// AddFlags makes the options be set by flags, those of controller-runtime and
// klog included.
func (o *Options) AddFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.metricsAddress, "metrics-bind-address", o.metricsAddress, "Address that metrics are served on; 0 serves none.")
	flags.StringVar(&o.healthAddress, "health-probe-bind-address", o.healthAddress, "Address that /healthz and /readyz are served on; 0 serves none.")
	flags.BoolVar(&o.leaderElect, "leader-elect", o.leaderElect, "Let one of several managers work at a time.")
	flags.StringVar(&o.leaderElectionNamespace, "leader-election-namespace", o.leaderElectionNamespace, "Namespace of the Lease for --leader-elect; by default the one that the manager runs in.")
	flags.StringVar(&o.namespace, "namespace", o.namespace, "Namespace to look after; by default all.")
	flags.StringVar(&o.watchFilter, "watch-filter", o.watchFilter, "Look after objects only whose label "+clusterv1.WatchLabel+" has this value; by default all.")
	flags.StringVar((*string)(&o.provider), "provider", string(o.provider), "What is looked after: Infrastructure (workspaces, runs and the infrastructure of clusters), ControlPlane (control planes; needs a manager for the infrastructure as well) or All.")
	flags.IntVar(&o.concurrency, "concurrency", o.concurrency, "Objects of a kind that are reconciled at a time.")
	flags.IntVar(&o.limits.Total, "max-runs", o.limits.Total, "Runs that are carried out at once; 0 is no limit. Others wait in a queue, in which deletions go first.")
	flags.IntVar(&o.limits.PerNamespace, "max-runs-per-namespace", o.limits.PerNamespace, "Runs of one namespace that are carried out at once; 0 is no limit.")
	flags.StringVar((*string)(&o.executor), "executor", string(o.executor), "Who carries out runs: Job (a Kubernetes Job for each) or Process (child processes of the manager, with its rights: for development, and where there is one tenant).")
	flags.StringVar(&o.runnerImage, "runner-image", o.runnerImage, "With Job: image of the runners. By default that of the pod that POD_NAME and POD_NAMESPACE say the manager is.")
	flags.StringVar(&o.providerMirror, "provider-mirror", o.providerMirror, "Directory of unpacked provider plugins, with Job in the pods of the runners, or https URL of a network mirror; providers then come from nowhere else. By default they come from their registries.")
	flags.StringVar(&o.runner, "runner", o.runner, "With Process: path of capt-runner.")
	flags.StringVar(&o.tofu, "tofu", o.tofu, "With Process: path of OpenTofu, or its name in PATH.")
	flags.StringVar(&o.workDir, "work-dir", o.workDir, "With Process: directory for the runs that are under way. It must outlive the manager.")

	// --kubeconfig is controller-runtime's, -v and its like are klog's.
	external := flag.NewFlagSet("external", flag.ContinueOnError)
	config.RegisterFlags(external)
	o.kubeconfigFlag = external.Lookup(config.KubeconfigFlagName).Value
	klog.InitFlags(external)
	flags.AddGoFlagSet(external)
	flags.SortFlags = false
}

// complete fills in what the flags leave open, and checks them.
func (o *Options) complete() error {
	if o.concurrency < 1 {
		return fmt.Errorf("--concurrency is %d; it must be at least 1", o.concurrency)
	}
	if o.limits.Total < 0 || o.limits.PerNamespace < 0 {
		return fmt.Errorf("--max-runs is %d and --max-runs-per-namespace %d; neither may be less than 0", o.limits.Total, o.limits.PerNamespace)
	}
	if err := o.provider.validate(); err != nil {
		return err
	}
	if o.executor == executorJob || !o.provider.infrastructure() {
		return o.checkMirror()
	}
	if o.executor != executorProcess {
		return fmt.Errorf("--executor is %q; it must be %s or %s", o.executor, executorJob, executorProcess)
	}
	var err error
	if o.tofu, err = exec.LookPath(o.tofu); err != nil {
		return fmt.Errorf("looking for OpenTofu: %w; install it, or say with --tofu where it is", err)
	}
	if o.kubeconfigFlag != nil {
		o.kubeconfig = o.kubeconfigFlag.String()
	}
	paths := []*string{&o.runner, &o.tofu, &o.workDir, &o.kubeconfig}
	if !o.installation().Downloads() {
		paths = append(paths, &o.providerMirror)
	}
	for _, path := range paths {
		if *path == "" {
			continue
		}
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	return o.checkMirror()
}

// installation says where providers come from.
func (o *Options) installation() tofu.Installation {
	return tofu.Installation{Mirror: o.providerMirror}
}

func (o *Options) checkMirror() error {
	if err := o.installation().Validate(); err != nil {
		return fmt.Errorf("--provider-mirror: %w", err)
	}
	return nil
}
