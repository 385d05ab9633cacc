package job

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// +kubebuilder:rbac:groups="",resources=pods,verbs=delete

// Interrupt is described by opentofu.Executor. Deleting a pod is how Kubernetes
// sends it SIGTERM, once; its finalizer keeps it until its result was recorded.
func (e *Executor) Interrupt(ctx context.Context, run *infrav1.WorkspaceRun) error {
	pods, err := e.pods(ctx, e.Live, run)
	if err != nil {
		return err
	}
	for i := range pods {
		pod := &pods[i]
		if !pod.DeletionTimestamp.IsZero() {
			continue
		}
		if err := e.Client.Delete(ctx, pod, client.Preconditions{UID: &pod.UID}); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("deleting pod %s: %w", pod.Name, err)
		}
	}
	return nil
}
