package job

import (
	"context"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// keptFor is how long the Job of a run that has ended is kept, for its log.
const keptFor = time.Hour

// Release is described by opentofu.Executor. It reads from the cache, because it
// is asked of every run that there is when the manager starts; what the cache
// does not hold yet asks again when it comes. For a run that is about to go that
// would be too late: nobody would ask for its pod any more.
func (e *Executor) Release(ctx context.Context, run *infrav1.WorkspaceRun) error {
	var reader client.Reader = e.Client
	if !run.DeletionTimestamp.IsZero() {
		reader = e.Live
	}
	pods, err := e.pods(ctx, reader, run)
	if err != nil {
		return err
	}
	for i := range pods {
		before := pods[i].DeepCopy()
		if !controllerutil.RemoveFinalizer(&pods[i], podFinalizer) {
			continue
		}
		// Kubernetes removes a finalizer of its own; it must not come back by us.
		patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
		if err := e.Client.Patch(ctx, &pods[i], patch); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("releasing pod %s: %w", pods[i].Name, err)
		}
	}
	return e.releaseJob(ctx, run)
}

// releaseJob lets Kubernetes delete the Job after a while; one that was called off
// has no log.
func (e *Executor) releaseJob(ctx context.Context, run *infrav1.WorkspaceRun) error {
	job := &batchv1.Job{}
	err := e.Client.Get(ctx, client.ObjectKey{Namespace: run.Namespace, Name: jobName(run)}, job)
	if err != nil || !metav1.IsControlledBy(job, run) || job.Spec.TTLSecondsAfterFinished != nil {
		return client.IgnoreNotFound(err)
	}
	if calledOff(job) {
		err = e.Client.Delete(ctx, job, client.PropagationPolicy(metav1.DeletePropagationBackground))
	} else {
		before := job.DeepCopy()
		job.Spec.TTLSecondsAfterFinished = ptr.To(int32(keptFor / time.Second))
		err = e.Client.Patch(ctx, job, client.MergeFrom(before))
	}
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("releasing Job %s: %w", job.Name, err)
	}
	return nil
}
