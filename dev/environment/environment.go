package environment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// Options of an environment. The zero value is a whole one.
type Options struct {
	// Programs as Build returns them; by default Start calls Build.
	Programs *Programs
	// Out is told what is being started, a line each; default nobody.
	Out io.Writer
	// LogDir is an existing folder for the logs of all programs, <name>.log
	// each. Stop removes it, unless KeepLogs was called; a Start that fails
	// leaves it, unless its context had ended. By default logs are in the root directory and go with it.
	LogDir string
	// APIServer, if set, changes how kube-apiserver is to be started.
	APIServer func(*envtest.APIServer)
	// WithoutCore leaves out Cluster API core and its webhooks; its CRDs are
	// there.
	WithoutCore bool
	// WithoutManager leaves it to StartManager to start CAPT's manager.
	WithoutManager bool
	// ManagerArgs are further arguments of CAPT's manager.
	ManagerArgs []string
}

// Environment is a running management cluster. Its methods are not to be
// called at the same time, except for Failed, Requests and Leftovers.
type Environment struct {
	// Root is the environment's directory, a path that nothing else uses.
	Root string
	// LogDir is where the logs are.
	LogDir string
	// Programs are what it runs.
	Programs Programs
	// Kubeconfig is the path of an administrator's kubeconfig, Config the same
	// for Go, and Client a client with it which knows all kinds (see Scheme)
	// and caches nothing.
	Kubeconfig string
	Config     *rest.Config
	Client     client.WithWatch

	managerArgs []string
	guard       *guard
	plane       envtest.ControlPlane
	core        *process
	manager     *process
	hasIdentity bool
	failed      chan error
}

// Start starts a management cluster and returns when all of it is ready to
// work. It must be called within a checkout. If it fails nothing is left, and
// the error says which program failed, with the end of its log. The context
// is for starting only.
func Start(ctx context.Context, options Options) (*Environment, error) {
	if options.Out == nil {
		options.Out = io.Discard
	}
	if options.Programs == nil {
		programs, err := Build(ctx, options.Out)
		if err != nil {
			return nil, err
		}
		options.Programs = &programs
	}
	guard, err := startGuard(filepath.Join(options.Programs.own, "guard"))
	if err != nil {
		return nil, err
	}
	e := &Environment{
		Root:        guard.root,
		LogDir:      options.LogDir,
		Programs:    *options.Programs,
		Kubeconfig:  filepath.Join(guard.root, "admin.kubeconfig"),
		managerArgs: options.ManagerArgs,
		guard:       guard,
		failed:      make(chan error, 2),
	}
	if err := e.start(ctx, options); err != nil {
		if ctx.Err() == nil {
			err = errors.Join(err, e.KeepLogs())
		}
		return nil, errors.Join(err, e.Stop())
	}
	return e, nil
}

func (e *Environment) start(ctx context.Context, options Options) error {
	if err := e.prepareFiles(); err != nil {
		return err
	}
	step := func(text string) { _, _ = fmt.Fprintln(options.Out, text) }

	step("starting etcd and kube-apiserver")
	if err := e.startControlPlane(options.APIServer); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := e.startClusterAPI(ctx, options, step); err != nil {
		return err
	}
	if options.WithoutManager {
		return nil
	}
	step("starting CAPT's manager")
	return e.StartManager(ctx)
}

// startClusterAPI installs the CRDs, and starts Cluster API core if it is wanted.
func (e *Environment) startClusterAPI(ctx context.Context, options Options, step func(string)) error {
	if options.WithoutCore {
		return e.installCRDs(ctx, envtest.WebhookInstallOptions{})
	}
	step("starting Cluster API core")
	return e.startCore(ctx)
}

func (e *Environment) prepareFiles() error {
	if e.LogDir == "" {
		e.LogDir = e.path("logs")
	} else if err := e.guard.order("remove", e.LogDir); err != nil {
		return err
	}
	for _, dir := range []string{"logs", "bin", "home", "tmp", "etcd", "apiserver", "webhook", "runs", "localkube"} {
		if err := os.Mkdir(e.path(dir), 0o700); err != nil {
			return fmt.Errorf("make the directories of the environment: %w", err)
		}
	}
	return e.Programs.installOwn(e.path("bin"))
}

func (e *Environment) path(elements ...string) string {
	return filepath.Join(append([]string{e.Root}, elements...)...)
}

// variables are the environment variables of the programs: nothing of the
// user's but the search path, and the root directory by which the guard knows
// them.
func (e *Environment) variables(more ...string) []string {
	return append([]string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + e.path("home"),
		"TMPDIR=" + e.path("tmp"),
	}, more...)
}

// Stop ends everything and returns when nothing is left: CAPT's manager,
// Cluster API core, kube-apiserver and etcd in this order, then whatever was
// started by them.
func (e *Environment) Stop() error {
	err := e.StopManager(syscall.SIGTERM)
	if e.core != nil {
		err = errors.Join(err, e.core.stop(syscall.SIGTERM))
	}
	// kube-apiserver before etcd: without it, it hangs.
	err = errors.Join(err, e.plane.Stop())
	return errors.Join(err, e.guard.end())
}

// Failed gives an error, with the end of a log, when Cluster API core or
// CAPT's manager has ended by itself.
func (e *Environment) Failed() <-chan error { return e.failed }

// watch tells Failed when the process ends by itself.
func (e *Environment) watch(p *process) {
	<-p.ended
	if !p.stopping.Load() {
		e.failed <- p.failure()
	}
}

// RemoveAtEnd lets a file, or a directory that is empty then, be removed when
// the environment ends, however it ends.
func (e *Environment) RemoveAtEnd(path string) error {
	return e.guard.order("remove-empty", path)
}

// LocalkubeVariables are the environment variables that the provider localkube
// needs. Its clusters live in the root directory, so that they end with the
// environment.
func (e *Environment) LocalkubeVariables() map[string]string {
	return map[string]string{
		"LOCALKUBE_ASSETS_DIR": e.Programs.Assets,
		"LOCALKUBE_DATA_DIR":   e.path("localkube"),
	}
}

// Namespace makes a namespace to work in, if there is none of this name, with
// what the modules of examples/localkube need in it: the ConfigMap localkube.
func (e *Environment) Namespace(ctx context.Context, name string) error {
	for _, object := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}},
		&corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "localkube"},
			Data:       e.LocalkubeVariables(),
		},
	} {
		if err := e.Client.Create(ctx, object); err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("prepare the namespace %s: %w", name, err)
		}
	}
	return nil
}
