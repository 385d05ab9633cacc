package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/captproject/capt/dev/environment"
	"github.com/captproject/capt/hack/tools/toolbox"
)

const upUsage = `Starts a management cluster (etcd, kube-apiserver, Cluster API core, CAPT's
manager), writes a kubeconfig for it, prints "ready" and what to try next, and
stays until it is interrupted. Then it ends everything and removes the
kubeconfig and the logs, also when it is killed.

Usage:
  go run ./dev up [--kubeconfig PATH]

  --kubeconfig PATH  where to write the kubeconfig; the file must not exist.
                     By default .dev/management.kubeconfig in the checkout; if
                     that exists, since another one is running,
                     .dev/management-2.kubeconfig, and so on
`

func runUp(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("up", flag.ContinueOnError)
	kubeconfig := flags.String("kubeconfig", "", "")
	if ok, err := parse(flags, upUsage, args); !ok {
		return err
	}
	programs, err := environment.Build(ctx, os.Stderr)
	if err != nil {
		return err
	}
	tell := newTeller(os.Stdout)
	env, err := startEnvironment(ctx, programs, tell)
	if err != nil {
		return err
	}
	defer func() {
		tell.say("stopping")
		err = errors.Join(err, env.Stop())
	}()

	for _, namespace := range []string{"default", demoNamespace} {
		if err := env.Namespace(ctx, namespace); err != nil {
			return err
		}
	}
	path, err := publishKubeconfig(env, *kubeconfig)
	if err != nil {
		return err
	}
	fmt.Print(welcome(env, path))
	select {
	case <-ctx.Done():
		return nil
	case err := <-env.Failed():
		return errors.Join(err, env.KeepLogs())
	}
}

// startEnvironment starts an environment for a person: with its logs in .dev
// of the checkout, where they stay if it cannot start.
func startEnvironment(ctx context.Context, programs environment.Programs, tell *teller) (*environment.Environment, error) {
	dir := filepath.Join(programs.Checkout(), devDir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make a folder for logs: %w", err)
	}
	logs, err := os.MkdirTemp(dir, "logs-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for logs: %w", err)
	}
	env, err := environment.Start(ctx, environment.Options{Programs: &programs, Out: tell, LogDir: logs})
	switch {
	case err != nil && ctx.Err() != nil:
		_ = os.Remove(dir) // if it is empty
		return nil, errInterrupted
	case err != nil:
		return nil, fmt.Errorf("%w\nlogs: %s", err, logs)
	}
	return env, env.RemoveAtEnd(dir)
}

// publishKubeconfig writes the administrator's kubeconfig for the user and
// returns its absolute path.
func publishKubeconfig(env *environment.Environment, path string) (string, error) {
	content, err := os.ReadFile(env.Kubeconfig)
	if err != nil {
		return "", fmt.Errorf("read the kubeconfig: %w", err)
	}
	candidates := defaultKubeconfigs(filepath.Join(env.Programs.Checkout(), devDir))
	if path != "" {
		candidates = func(yield func(string) bool) { yield(path) }
	}
	file, err := createFirst(candidates)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	if path, err = filepath.Abs(file.Name()); err != nil {
		return "", err
	}
	if err := env.RemoveAtEnd(path); err != nil {
		return "", err
	}
	if _, err := file.Write(content); err != nil {
		return "", fmt.Errorf("write the kubeconfig: %w", err)
	}
	return path, nil
}

func welcome(env *environment.Environment, kubeconfig string) string {
	return fmt.Sprintf(`ready

In another terminal, in the checkout:

  export KUBECONFIG=%s
  alias kubectl=%s
  alias clusterctl=%s

  kubectl apply -f examples/localkube
  kubectl get cluster,captcluster,captcontrolplane,wtapply,workspacerun
  kubectl wait --for=condition=Available cluster/hello --timeout=2m
  clusterctl describe cluster hello
  kubectl delete cluster hello

Logs: %s
^C ends all of it.
`, kubeconfig, env.Programs.Path(toolbox.Kubectl), env.Programs.Path(toolbox.Clusterctl), env.LogDir)
}
