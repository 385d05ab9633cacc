package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/captproject/capt/dev/environment"
	"github.com/captproject/capt/hack/tools/toolbox"
)

// Node is a management cluster with one node. Its methods are not to be called
// at the same time.
type Node struct {
	*environment.Environment

	programs          toolbox.Programs
	cgroup            string
	kubeconfig        string
	controllerManager *environment.Program
	scheduler         *environment.Program
	containerd        *environment.Program
	kubelet           *environment.Program
}

// Start starts a management cluster (see environment.Start) and a node, and
// returns when the node is ready. How kube-apiserver is started is not for the
// options to say. It works only within Isolated. If it fails
// nothing is left, and the error says which program failed, with the end of its
// log.
func Start(ctx context.Context, options environment.Options) (*Node, error) {
	if os.Getenv(isolatedVariable) == "" {
		return nil, errors.New("a node is started within node.Isolated only")
	}
	if options.Out == nil {
		options.Out = io.Discard
	}
	programs, err := toolbox.Ensure(ctx, options.Out, programs...)
	if err != nil {
		return nil, err
	}
	options.APIServer = likeInProduction
	e, err := environment.Start(ctx, options)
	if err != nil {
		return nil, err
	}
	n := &Node{Environment: e, programs: programs}
	if err := n.start(ctx, options.Out); err != nil {
		if ctx.Err() == nil {
			err = errors.Join(err, n.KeepLogs())
		}
		return nil, errors.Join(err, n.Stop())
	}
	return n, nil
}

// likeInProduction has kube-apiserver listen where pods reach it, and undoes
// what envtest leaves out for want of a controller manager and a node.
func likeInProduction(server *envtest.APIServer) {
	server.Address = apiServerAddress
	server.Port = apiServerPort
	server.Configure().
		Disable("disable-admission-plugins").
		Set("enable-admission-plugins", "NodeRestriction").
		Set("authorization-mode", "Node", "RBAC")
}

func (n *Node) start(ctx context.Context, out io.Writer) error {
	_, _ = fmt.Fprintln(out, "starting kube-controller-manager, kube-scheduler and the node")
	if err := n.startControllers(ctx); err != nil {
		return err
	}
	var err error
	if n.cgroup, err = n.MakeCgroup(); err != nil {
		return err
	}
	if err := n.writeFiles(n.files()); err != nil {
		return err
	}
	if n.kubeconfig, err = n.User("system:node:"+Name, "system:nodes"); err != nil {
		return err
	}
	if err := n.startContainerd(ctx); err != nil {
		return err
	}
	if err := n.importPause(ctx); err != nil {
		return err
	}
	return n.startKubelet(ctx)
}

// importPause imports the image that holds the namespaces of every pod.
func (n *Node) importPause(ctx context.Context) error {
	program, err := n.Build(ctx, "./test/node/pause")
	if err != nil {
		return err
	}
	return n.Import(ctx, Image{Name: pauseImage, Files: map[string]string{"/pause": program}, Entrypoint: []string{"/pause"}})
}

// dir is the node's directory.
func (n *Node) dir(elements ...string) string {
	return filepath.Join(append([]string{n.Root, "node"}, elements...)...)
}

// Stop ends everything and returns when nothing is left. Pods are not asked.
func (n *Node) Stop() error {
	var err error
	for _, program := range []*environment.Program{n.kubelet, n.containerd, n.scheduler, n.controllerManager} {
		if program != nil {
			err = errors.Join(err, program.Stop(syscall.SIGKILL))
		}
	}
	return errors.Join(err, n.Environment.Stop())
}

// Reboot does to the node what a loss of power would, and returns when it is
// ready again: kubelet, containerd and all containers are killed at once, and
// what is not on disk is gone. The API server is not on the node and goes on.
func (n *Node) Reboot(ctx context.Context) error {
	if err := errors.Join(n.kubelet.Stop(syscall.SIGKILL), n.containerd.Stop(syscall.SIGKILL)); err != nil {
		return err
	}
	if err := errors.Join(n.EndStrays(), resetMachine()); err != nil {
		return err
	}
	if _, err := n.MakeCgroup(); err != nil {
		return err
	}
	if err := n.startContainerd(ctx); err != nil {
		return err
	}
	return n.startKubelet(ctx)
}
