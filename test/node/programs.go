package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/captproject/capt/hack/tools/toolbox"
)

// startControllers starts kube-controller-manager and kube-scheduler.
func (n *Node) startControllers(ctx context.Context) error {
	ca := n.dir("ca.crt")
	if err := n.writeFiles(map[string]string{"ca.crt": string(n.Config.CAData)}); err != nil {
		return err
	}
	kubeconfig, err := n.User("system:kube-controller-manager")
	if err != nil {
		return err
	}
	n.controllerManager, err = n.StartProgram(ctx, toolbox.KubeControllerManager, healthy("https://127.0.0.1:10257/healthz"),
		n.programs.Path(toolbox.KubeControllerManager),
		"--kubeconfig="+kubeconfig, "--bind-address=127.0.0.1", "--leader-elect=false",
		"--use-service-account-credentials", "--root-ca-file="+ca)
	if err != nil {
		return err
	}
	if kubeconfig, err = n.User("system:kube-scheduler"); err != nil {
		return err
	}
	n.scheduler, err = n.StartProgram(ctx, toolbox.KubeScheduler, healthy("https://127.0.0.1:10259/healthz"),
		n.programs.Path(toolbox.KubeScheduler),
		"--kubeconfig="+kubeconfig, "--bind-address=127.0.0.1", "--leader-elect=false")
	return err
}

// startContainerd starts containerd, with its shim in the search path.
func (n *Node) startContainerd(ctx context.Context) error {
	var err error
	n.containerd, err = n.StartProgram(ctx, toolbox.Containerd,
		func(ctx context.Context) error { return n.ctr(ctx, "version") },
		n.programs.Path(toolbox.Containerd), "--config="+n.dir("containerd.toml"))
	return err
}

func (n *Node) startKubelet(ctx context.Context) error {
	// Heartbeats tell whole seconds.
	started := time.Now().Truncate(time.Second)
	var err error
	n.kubelet, err = n.StartProgram(ctx, toolbox.Kubelet,
		func(ctx context.Context) error { return n.ready(ctx, started) },
		n.programs.Path(toolbox.Kubelet),
		"--config="+n.dir("kubelet.yaml"), "--kubeconfig="+n.kubeconfig,
		"--hostname-override="+Name, "--node-ip="+apiServerAddress,
		"--root-dir="+n.dir("kubelet"), "--cert-dir="+n.dir("pki"))
	return err
}

// ready fails until the node was said to be ready after the given time.
func (n *Node) ready(ctx context.Context, since time.Time) error {
	node := &corev1.Node{}
	if err := n.Client.Get(ctx, client.ObjectKey{Name: Name}, node); err != nil {
		return err
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type != corev1.NodeReady || condition.LastHeartbeatTime.Time.Before(since) {
			continue
		}
		if condition.Status == corev1.ConditionTrue {
			return nil
		}
		return fmt.Errorf("the node is not ready: %s", condition.Message)
	}
	return errors.New("the node has not reported yet")
}

// healthy asks a program that serves on this machine, with a certificate that
// it made itself.
func healthy(url string) func(context.Context) error {
	asking := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := asking.Do(request)
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answers %s", url, response.Status)
		}
		return nil
	}
}
