package manager

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/captproject/capt/internal/engine/opentofu"
	"github.com/captproject/capt/internal/engine/opentofu/job"
	"github.com/captproject/capt/internal/engine/opentofu/process"
)

// executorName is a value of --executor.
type executorName string

const (
	executorJob     executorName = "Job"
	executorProcess executorName = "Process"
)

// newExecutor is who carries out runs.
func newExecutor(ctx context.Context, mgr manager.Manager, options *Options, clock clock.PassiveClock) (opentofu.Executor, error) {
	if options.executor == executorProcess {
		return process.New(process.Options{Dir: options.workDir, Runner: options.runner, Args: options.processArgs()})
	}
	image := options.runnerImage
	if image == "" {
		var err error
		if image, err = ownImage(ctx, mgr.GetAPIReader()); err != nil {
			return nil, fmt.Errorf("finding the image of the runners: %w; or say it with --runner-image", err)
		}
	}
	return &job.Executor{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Cache: mgr.GetCache(),
		Image: image, Args: options.runnerArgs(), Now: clock.Now,
	}, nil
}

// runnerArgs are arguments of all runners.
func (o *Options) runnerArgs() []string {
	if o.providerMirror == "" {
		return nil
	}
	return []string{"--provider-mirror=" + o.providerMirror}
}

// processArgs are arguments of runners that are processes beside the manager.
func (o *Options) processArgs() []string {
	args := append([]string{"--tofu=" + o.tofu}, o.runnerArgs()...)
	if o.installation().Downloads() {
		args = append(args, "--plugins="+filepath.Join(o.workDir, "plugins"))
	}
	if o.kubeconfig != "" {
		args = append(args, "--kubeconfig="+o.kubeconfig)
	}
	return args
}

// managerContainer is the container of the manager in its pod.
const managerContainer = "manager"

// ownImage is the image of the pod that the manager runs in: manager and runners
// are then always of one version.
func ownImage(ctx context.Context, reader client.Reader) (string, error) {
	key := client.ObjectKey{Namespace: os.Getenv("POD_NAMESPACE"), Name: os.Getenv("POD_NAME")}
	if key.Name == "" || key.Namespace == "" {
		return "", errors.New("POD_NAME and POD_NAMESPACE do not say which pod the manager is")
	}
	pod := &corev1.Pod{}
	if err := reader.Get(ctx, key, pod); err != nil {
		return "", fmt.Errorf("reading pod %s: %w", key, err)
	}
	for _, container := range pod.Spec.Containers {
		if container.Name == managerContainer {
			return container.Image, nil
		}
	}
	return "", fmt.Errorf("pod %s has no container %s", key, managerContainer)
}
