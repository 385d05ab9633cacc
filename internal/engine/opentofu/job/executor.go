package job

import (
	"context"
	"errors"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine/opentofu"
	"github.com/captproject/capt/internal/runner"
)

// Executor is the opentofu.Executor of this package.
type Executor struct {
	// Client writes, and reads Jobs and pods from a cache.
	Client client.Client
	// Live reads past all caches.
	Live client.Reader
	// Cache is watched: see CachedObjects.
	Cache cache.Cache
	// Image of the runners whose template names none.
	Image string
	// Args are arguments that every runner gets.
	Args []string
	// Now is the clock.
	Now func() time.Time
}

var _ opentofu.Executor = &Executor{}

// startTimeout is how long a pod may take to start: long enough for a node to be
// made for it.
const startTimeout = 15 * time.Minute

// +kubebuilder:rbac:groups=batch,resources=jobs,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups="",resources=events,verbs=list;watch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;create;patch
// +kubebuilder:rbac:groups="",resources=serviceaccounts,verbs=get;create;patch
// +kubebuilder:rbac:groups=coordination.k8s.io,resources=leases,verbs=get;create
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=roles;rolebindings,verbs=get;create;patch

// Ensure is described by opentofu.Executor.
func (e *Executor) Ensure(ctx context.Context, run *infrav1.WorkspaceRun) (opentofu.Execution, error) {
	if opentofu.BegunByProcess(run) {
		return opentofu.BegunByOther(run, "Process"), nil
	}
	job, err := e.job(ctx, run)
	if err != nil {
		return opentofu.Execution{}, err
	}
	pods, err := e.pods(ctx, e.Live, run)
	if err != nil {
		return opentofu.Execution{}, err
	}
	alive := living(pods)
	switch {
	case alive != nil && begun(alive):
		return running(alive), nil
	case alive != nil:
		return e.pending(ctx, run, job, waitsFor(alive))
	case len(pods) > 0:
		return over(job, pods), nil
	case job != nil:
		return e.withoutPod(ctx, run, job)
	case run.Begun():
		return opentofu.Execution{State: opentofu.ExecutionLost, Message: "its Job and its pod were deleted"}, nil
	case !run.DeletionTimestamp.IsZero():
		return opentofu.Execution{State: opentofu.ExecutionLost, Message: "it was deleted before it was started"}, nil
	}
	execution, err := e.start(ctx, run)
	if apierrors.IsForbidden(err) {
		// A quota, a policy, a namespace that is going away. Another run is made
		// from what is wanted by then.
		return notStarted(err.Error()), nil
	}
	return execution, err
}

// Started is described by opentofu.Executor.
func (e *Executor) Started(ctx context.Context, run *infrav1.WorkspaceRun) (bool, error) {
	job, err := e.job(ctx, run)
	return job != nil, err
}

// job returns the Job of a run, nil if there is none.
func (e *Executor) job(ctx context.Context, run *infrav1.WorkspaceRun) (*batchv1.Job, error) {
	job := &batchv1.Job{}
	key := client.ObjectKey{Namespace: run.Namespace, Name: jobName(run)}
	if err := e.Live.Get(ctx, key, job); err != nil {
		if client.IgnoreNotFound(err) == nil {
			return nil, nil
		}
		return nil, fmt.Errorf("reading Job %s: %w", key.Name, err)
	}
	if !metav1.IsControlledBy(job, run) {
		return nil, fmt.Errorf("there is a Job %s already, which is not of this run; delete it", key.Name)
	}
	return job, nil
}

// pods returns the pods of a run: one, unless Kubernetes has started it twice.
func (e *Executor) pods(ctx context.Context, reader client.Reader, run *infrav1.WorkspaceRun) ([]corev1.Pod, error) {
	list := &corev1.PodList{}
	if err := reader.List(ctx, list, client.InNamespace(run.Namespace), client.MatchingLabels{runLabel: string(run.UID)}); err != nil {
		return nil, fmt.Errorf("listing the pods of the run: %w", err)
	}
	return list.Items, nil
}

// start makes all that a runner needs, and the Job at last.
func (e *Executor) start(ctx context.Context, run *infrav1.WorkspaceRun) (opentofu.Execution, error) {
	spec, unreadable, err := e.runnerSpec(ctx, run)
	switch {
	case err != nil:
		return opentofu.Execution{}, err
	case unreadable != "":
		return failed(runner.ReasonInputsNotFound, infrav1.FailureTransient, unreadable), nil
	}
	var taken *notOursError
	switch err := e.grant(ctx, run, spec); {
	case errors.As(err, &taken):
		return failed(runner.ReasonSecretNotOurs, infrav1.FailureTransient, taken.Error()), nil
	case err != nil:
		return opentofu.Execution{}, err
	}
	job, err := e.newJob(run, spec)
	if err != nil {
		return opentofu.Execution{}, err
	}
	if err := e.Client.Create(ctx, job); err != nil {
		if apierrors.IsInvalid(err) {
			return failed(ReasonJobInvalid, infrav1.FailureConfiguration, err.Error()), nil
		}
		return opentofu.Execution{}, fmt.Errorf("creating Job %s: %w", job.Name, err)
	}
	ctrl.LoggerFrom(ctx).Info("Job created", "Job", job.Name)
	return opentofu.Execution{State: opentofu.ExecutionPending, Where: jobPlace(job), Message: waitsForPod, After: startTimeout}, nil
}

// withoutPod goes on with a Job that has no pod.
func (e *Executor) withoutPod(ctx context.Context, run *infrav1.WorkspaceRun, job *batchv1.Job) (opentofu.Execution, error) {
	switch {
	case calledOff(job) && hasCondition(job, batchv1.JobSuspended):
		return notStarted(job.Annotations[calledOffAnnotation]), nil
	case calledOff(job):
		return opentofu.Execution{State: opentofu.ExecutionPending, Where: jobPlace(job), Message: job.Annotations[calledOffAnnotation]}, nil
	case !job.DeletionTimestamp.IsZero(), hasCondition(job, batchv1.JobFailed), hasCondition(job, batchv1.JobComplete):
		return opentofu.Execution{State: opentofu.ExecutionLost, Message: "its pod was deleted together with its result"}, nil
	}
	why, err := e.whyNoPod(ctx, job)
	if err != nil {
		return opentofu.Execution{}, err
	}
	return e.pending(ctx, run, job, why)
}

// pending tells what a pod that has not started waits for, and calls it off when
// it was waited for long enough, or when the run is deleted.
func (e *Executor) pending(ctx context.Context, run *infrav1.WorkspaceRun, job *batchv1.Job, why string) (opentofu.Execution, error) {
	execution := opentofu.Execution{State: opentofu.ExecutionPending, Message: why}
	if job == nil {
		return execution, nil // the pod is about to end
	}
	execution.Where = jobPlace(job)
	if calledOff(job) {
		return execution, nil // likewise
	}
	execution.After = job.CreationTimestamp.Add(startTimeout).Sub(e.Now())
	if execution.After > 0 && run.DeletionTimestamp.IsZero() {
		return execution, nil
	}
	execution.After = 0
	before := job.DeepCopy()
	metav1.SetMetaDataAnnotation(&job.ObjectMeta, calledOffAnnotation, why)
	suspended := true
	job.Spec.Suspend = &suspended
	if err := e.Client.Patch(ctx, job, client.MergeFrom(before)); err != nil {
		return opentofu.Execution{}, fmt.Errorf("suspending Job %s: %w", job.Name, err)
	}
	return execution, nil
}
