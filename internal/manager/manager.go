package manager

import (
	"context"
	"errors"
	"fmt"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/clock"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/controller/cluster"
	"github.com/captproject/capt/internal/controller/controlplane"
	"github.com/captproject/capt/internal/controller/machinepool"
	"github.com/captproject/capt/internal/controller/run"
	"github.com/captproject/capt/internal/controller/workspace"
	"github.com/captproject/capt/internal/engine/opentofu"
	"github.com/captproject/capt/internal/engine/opentofu/job"
	"github.com/captproject/capt/internal/phase"
	"github.com/captproject/capt/internal/workload"
)

// What every manager needs: to tell events, and to be the one that works.
// +kubebuilder:rbac:groups=events.k8s.io;"",resources=events,verbs=create;patch;update
// +kubebuilder:rbac:groups=coordination.k8s.io,resources=leases,verbs=get;create;update

// Start runs the manager until ctx ends. The clock is what it takes for the
// time wherever that decides something.
func Start(ctx context.Context, options *Options, clock clock.PassiveClock) error {
	if err := options.complete(); err != nil {
		return err
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("finding the API server: %w", err)
	}
	// The API server's own fairness is the limit.
	config.QPS = -1
	managed, err := managerOptions(options)
	if err != nil {
		return err
	}
	mgr, err := ctrl.NewManager(config, managed)
	if err != nil {
		return fmt.Errorf("making the manager: %w", err)
	}
	if err := setup(ctx, mgr, options, clock); err != nil {
		return err
	}
	return mgr.Start(ctx)
}

func managerOptions(options *Options) (manager.Options, error) {
	cached, err := job.CachedObjects()
	if err != nil {
		return manager.Options{}, err
	}
	managed := manager.Options{
		Scheme:                        scheme(),
		Metrics:                       metricsserver.Options{BindAddress: options.metricsAddress},
		HealthProbeBindAddress:        options.healthAddress,
		LeaderElection:                options.leaderElect,
		LeaderElectionID:              options.provider.leaderElectionID(),
		LeaderElectionNamespace:       options.leaderElectionNamespace,
		LeaderElectionReleaseOnCancel: true,
		Cache:                         cache.Options{DefaultTransform: cache.TransformStripManagedFields(), ByObject: cached},
		// The contents of ConfigMaps and Secrets are not kept: their metadata is
		// watched, and they are read when they are needed. Leases are not watched.
		Client: client.Options{Cache: &client.CacheOptions{
			DisableFor: []client.Object{&corev1.ConfigMap{}, &corev1.Secret{}, &coordinationv1.Lease{}},
		}},
	}
	if options.namespace != "" {
		managed.Cache.DefaultNamespaces = map[string]cache.Config{options.namespace: {}}
	}
	return managed, nil
}

func scheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme, clusterv1.AddToScheme, infrav1.AddToScheme, controlplanev1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			panic(err) // two kinds of one name: a mistake in this program
		}
	}
	return scheme
}

// setup assembles the controllers.
func setup(ctx context.Context, mgr manager.Manager, options *Options, clock clock.PassiveClock) error {
	var err error
	if options.provider.infrastructure() {
		err = setupInfrastructure(ctx, mgr, options, clock)
	}
	if options.provider.controlPlane() {
		err = errors.Join(err, setupControlPlane(ctx, mgr, options, clock))
	}
	return errors.Join(err,
		mgr.AddHealthzCheck("ping", healthz.Ping),
		mgr.AddReadyzCheck("ping", healthz.Ping),
	)
}

func setupInfrastructure(ctx context.Context, mgr manager.Manager, options *Options, clock clock.PassiveClock) error {
	executor, err := newExecutor(ctx, mgr, options, clock)
	if err != nil {
		return err
	}
	if err := opentofu.IndexRuns(ctx, mgr.GetFieldIndexer()); err != nil {
		return fmt.Errorf("indexing runs: %w", err)
	}
	c, live := mgr.GetClient(), mgr.GetAPIReader()
	filter, concurrency := phase.WatchFilter(options.watchFilter), controller.Options{MaxConcurrentReconciles: options.concurrency}
	return errors.Join(
		(&run.Reconciler{Client: c, Live: live, Executor: executor, Clock: clock, Limits: options.limits, WatchFilter: filter, Reporter: reporter(mgr, "workspacerun")}).
			SetupWithManager(mgr, concurrency),
		(&workspace.Reconciler{Client: c, Live: live, Engine: &opentofu.Engine{Client: c, Live: live, Now: clock.Now}, WatchFilter: filter, Reporter: reporter(mgr, "workspacetemplateapply")}).
			SetupWithManager(ctx, mgr, concurrency),
		(&cluster.Reconciler{Client: c, Live: live, WatchFilter: filter, Reporter: reporter(mgr, "captcluster")}).
			SetupWithManager(ctx, mgr, concurrency),
		(&machinepool.Reconciler{Client: c, Live: live, WatchFilter: filter, Reporter: reporter(mgr, "captmachinepool")}).
			SetupWithManager(ctx, mgr, concurrency),
	)
}

func setupControlPlane(ctx context.Context, mgr manager.Manager, options *Options, clock clock.PassiveClock) error {
	clusters := workload.New(clock)
	planes := &controlplane.Reconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Clock: clock,
		Clusters: clusters, Answered: clusters.Answered(), Reporter: reporter(mgr, "captcontrolplane"),
		WatchFilter: phase.WatchFilter(options.watchFilter),
	}
	return errors.Join(
		planes.SetupWithManager(ctx, mgr, controller.Options{MaxConcurrentReconciles: options.concurrency}),
		metrics.Registry.Register(planes.Collector()),
	)
}

func reporter(mgr manager.Manager, name string) phase.Reporter {
	return phase.NewReporter(name, mgr.GetEventRecorder(name))
}
