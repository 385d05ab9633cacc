package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/captproject/capt/dev/environment"
	"github.com/captproject/capt/hack/tools/toolbox"
)

const demoUsage = `Shows CAPT from beginning to end, on real programs: starts a management cluster
(etcd, kube-apiserver, Cluster API core, CAPT's manager), applies
examples/localkube, follows the conditions until Cluster API says that the
Cluster is Available and that it can connect, uses the published kubeconfig,
deletes the Cluster, and checks that no process, Secret, Lease or state is left.

Each line begins with the seconds since the start. The last line names the
Secret, the version of Kubernetes that it opens, and how long all of it took,
without the time to build what was missing.

Usage:
  go run ./dev demo [--timeout DURATION]

  --timeout DURATION  how long to wait for the Cluster, and then for its end,
                      each (default 5m0s)

Exit code 0 if everything was as it should be, else 1; the logs are then kept,
and the last lines say where.
`

const (
	demoNamespace = "demo"
	demoCluster   = "hello"
	demoSecret    = demoCluster + "-kubeconfig"
	demoExample   = "examples/localkube"
)

func runDemo(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	timeout := flags.Duration("timeout", 5*time.Minute, "")
	if ok, err := parse(flags, demoUsage, args); !ok {
		return err
	}
	programs, err := environment.Build(ctx, os.Stderr)
	if err != nil {
		return err
	}
	tell := newTeller(os.Stdout)
	defer tell.beat()()

	tell.say("Starting a management cluster")
	env, err := startEnvironment(ctx, programs, tell)
	if err != nil {
		return err
	}
	d := &demo{env: env, tell: tell, story: newStory(), timeout: *timeout}
	version, err := d.run(ctx)
	if ctx.Err() != nil {
		err = errInterrupted
	} else if err != nil {
		err = errors.Join(err, env.KeepLogs(), fmt.Errorf("logs: %s", env.LogDir))
	}
	tell.say("Stopping the management cluster")
	if err := errors.Join(err, env.Stop()); err != nil {
		return err
	}
	tell.say("%s/%s opens Kubernetes %s, %.0f s", demoNamespace, demoSecret, version, tell.elapsed().Seconds())
	return nil
}

var errInterrupted = errors.New("interrupted")

// demo is one demonstration.
type demo struct {
	env     *environment.Environment
	tell    *teller
	story   *story
	changes <-chan change
	timeout time.Duration
}

// run returns the Kubernetes version of the cluster that it made, used and
// deleted.
func (d *demo) run(ctx context.Context) (version string, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if err := d.env.Namespace(ctx, demoNamespace); err != nil {
		return "", err
	}
	if d.changes, err = observe(ctx, d.env.Client, demoNamespace); err != nil {
		return "", err
	}
	if err := d.create(ctx); err != nil {
		return "", err
	}
	if version, err = d.use(ctx); err != nil {
		return "", err
	}
	if err := d.delete(ctx); err != nil {
		return "", err
	}
	return version, d.checkNothingLeft(ctx)
}

// create applies the example and waits for the Cluster.
func (d *demo) create(ctx context.Context) error {
	if err := d.show(ctx, toolbox.Kubectl, "apply", "-n", demoNamespace, "-f", demoExample); err != nil {
		return err
	}
	return d.follow(ctx, d.clusterProgress)
}

// clusterProgress names what the Cluster still lacks; nothing when Cluster API
// says that it is usable.
func (d *demo) clusterProgress() string {
	cluster := d.story.objects[identity{"Cluster", demoCluster}]
	if cluster == nil {
		return "Cluster " + demoCluster
	}
	for _, condition := range []string{
		clusterv1.ClusterInfrastructureReadyCondition, clusterv1.ClusterControlPlaneInitializedCondition,
		clusterv1.ClusterRemoteConnectionProbeCondition, clusterv1.ClusterAvailableCondition,
	} {
		if isTrue(cluster, condition) {
			continue
		}
		waiting := fmt.Sprintf("Cluster %s: %s", demoCluster, condition)
		if condition == clusterv1.ClusterRemoteConnectionProbeCondition {
			waiting += " (Cluster API tries every 30 s)"
		}
		return waiting
	}
	return ""
}

// follow tells all changes until progress has nothing more to wait for.
func (d *demo) follow(ctx context.Context, progress func() string) error {
	timeout := time.After(d.timeout)
	for {
		waiting := progress()
		d.tell.await(waiting)
		if waiting == "" {
			return nil
		}
		var err error
		select {
		case next := <-d.changes:
			if err = next.err; err == nil {
				d.tell.lines(d.story.follow(next.kind, next.event, next.object))
			}
		case err = <-d.env.Failed():
		case <-ctx.Done():
			return errInterrupted
		case <-timeout:
			err = fmt.Errorf("timed out after %s", d.timeout)
		}
		if err != nil {
			d.tell.await("")
			return fmt.Errorf("%w, waiting for %s\nNot as it should be:\n%s", err, waiting, strings.Join(d.story.unmet(), "\n"))
		}
	}
}

// use opens the cluster with the kubeconfig that CAPT has published, and
// returns its Kubernetes version.
func (d *demo) use(ctx context.Context) (version string, err error) {
	secret := &corev1.Secret{}
	if err := d.env.Client.Get(ctx, client.ObjectKey{Namespace: demoNamespace, Name: demoSecret}, secret); err != nil {
		return "", fmt.Errorf("get the published kubeconfig: %w", err)
	}
	kubeconfig := filepath.Join(d.env.Root, demoCluster+".kubeconfig")
	if err := os.WriteFile(kubeconfig, secret.Data["value"], 0o600); err != nil {
		return "", fmt.Errorf("write the published kubeconfig: %w", err)
	}
	d.tell.say("Using the kubeconfig of Secret %s/%s", demoNamespace, demoSecret)
	if err := d.show(ctx, toolbox.Kubectl, "--kubeconfig", kubeconfig, "get", "namespaces"); err != nil {
		return "", err
	}
	if version, err = d.serverVersion(ctx, kubeconfig); err != nil {
		return "", err
	}
	return version, d.show(ctx, toolbox.Clusterctl, "describe", "cluster", demoCluster, "-n", demoNamespace)
}

func (d *demo) serverVersion(ctx context.Context, kubeconfig string) (string, error) {
	output, err := d.env.Run(ctx, toolbox.Kubectl, "--kubeconfig", kubeconfig, "version", "-o", "json")
	if err != nil {
		return "", err
	}
	var answer struct {
		ServerVersion struct {
			GitVersion string `json:"gitVersion"`
		} `json:"serverVersion"`
	}
	if err := json.Unmarshal([]byte(output), &answer); err != nil {
		return "", fmt.Errorf("read the answer of kubectl version: %w", err)
	}
	return answer.ServerVersion.GitVersion, nil
}

// delete deletes the Cluster and waits until all that belongs to it is gone.
func (d *demo) delete(ctx context.Context) error {
	if err := d.show(ctx, toolbox.Kubectl, "delete", "cluster", demoCluster, "-n", demoNamespace, "--wait=false"); err != nil {
		return err
	}
	return d.follow(ctx, func() string {
		if left := d.story.remaining(); len(left) > 0 {
			return "the end of " + strings.Join(left, ", ")
		}
		return ""
	})
}

// show runs a command and tells what it is and what it prints.
func (d *demo) show(ctx context.Context, program string, args ...string) error {
	d.tell.say("%s %s", program, strings.ReplaceAll(strings.Join(args, " "), d.env.Root+"/", ""))
	output, err := d.env.Run(ctx, program, args...)
	if err != nil {
		return err
	}
	_, err = d.tell.Write([]byte(output))
	return err
}
