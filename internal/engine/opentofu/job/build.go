package job

import (
	"context"
	"fmt"
	"maps"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/inputs"
	"github.com/captproject/capt/internal/runner"
)

// containerName is the name of the container of the runner.
const containerName = "runner"

// What an image of a runner must have.
const (
	runnerProgram = "/usr/local/bin/capt-runner"
	tofuProgram   = "/usr/local/bin/tofu"
)

// runnerSpec reads, from the inputs of a run, what its pod is to look like. If
// there are no inputs it says so.
func (e *Executor) runnerSpec(ctx context.Context, run *infrav1.WorkspaceRun) (_ infrav1.RunnerSpec, unreadable string, _ error) {
	secret := &corev1.Secret{}
	name := run.Spec.InputsRef.Name
	err := e.Live.Get(ctx, client.ObjectKey{Namespace: run.Namespace, Name: name}, secret)
	switch {
	case apierrors.IsNotFound(err):
		return infrav1.RunnerSpec{}, "there is no Secret " + name, nil
	case err != nil:
		return infrav1.RunnerSpec{}, "", fmt.Errorf("reading the inputs: %w", err)
	}
	in, err := inputs.Decode(secret.Data[inputs.SecretKey])
	if err != nil {
		return infrav1.RunnerSpec{}, fmt.Sprintf("Secret %s: %v", name, err), nil
	}
	return ptr.Deref(in.Runner, infrav1.RunnerSpec{}), "", nil
}

// newJob is the Job of a run. A Job never tries again by itself: whether that is
// wise is decided from its result.
func (e *Executor) newJob(run *infrav1.WorkspaceRun, spec infrav1.RunnerSpec) (*batchv1.Job, error) {
	arguments, err := e.arguments(run)
	if err != nil {
		return nil, err
	}
	labels := maps.Clone(run.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[runLabel] = string(run.UID)
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: run.Namespace, Name: jobName(run), Labels: labels,
			Annotations:     map[string]string{runAnnotation: run.Name},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(run, infrav1.GroupVersion.WithKind("WorkspaceRun"))},
		},
		Spec: batchv1.JobSpec{
			BackoffLimit:         ptr.To[int32](0),
			PodReplacementPolicy: ptr.To(batchv1.Failed),
			Template: corev1.PodTemplateSpec{
				ObjectMeta: podMetadata(run, labels, spec.PodTemplate.Metadata),
				Spec:       e.podSpec(run, arguments, spec),
			},
		},
	}, nil
}

// podMetadata is what a template adds and what keeps a pod from being moved, and
// from being forgotten.
func podMetadata(run *infrav1.WorkspaceRun, labels map[string]string, more infrav1.RunnerPodMetadata) metav1.ObjectMeta {
	metadata := metav1.ObjectMeta{Labels: map[string]string{}, Annotations: map[string]string{}, Finalizers: []string{podFinalizer}}
	maps.Copy(metadata.Labels, more.Labels)
	maps.Copy(metadata.Labels, labels)
	maps.Copy(metadata.Annotations, more.Annotations)
	maps.Copy(metadata.Annotations, map[string]string{
		runAnnotation: run.Name,
		"cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
		"karpenter.sh/do-not-disrupt":                    "true",
		"kubectl.kubernetes.io/default-container":        containerName,
	})
	return metadata
}

// podSpec is a pod under the restricted pod security standard.
func (e *Executor) podSpec(run *infrav1.WorkspaceRun, arguments []string, spec infrav1.RunnerSpec) corev1.PodSpec {
	more := spec.PodTemplate.Spec
	pod := corev1.PodSpec{
		Containers:                    []corev1.Container{e.container(arguments, spec)},
		Volumes:                       append(runVolumes(), volumes(more.Volumes)...),
		RestartPolicy:                 corev1.RestartPolicyNever,
		ServiceAccountName:            accessName(run.Spec.ApplyName),
		AutomountServiceAccountToken:  ptr.To(false), // only the runner has it
		EnableServiceLinks:            ptr.To(false),
		TerminationGracePeriodSeconds: ptr.To(int64(runner.LongestEnd(runner.DefaultGrace) / time.Second)),
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: ptr.To(true), RunAsUser: ptr.To[int64](userID), RunAsGroup: ptr.To[int64](userID), FSGroup: ptr.To[int64](userID),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		NodeSelector: more.NodeSelector, Affinity: more.Affinity, Tolerations: more.Tolerations,
		PriorityClassName: more.PriorityClassName,
	}
	if more.RuntimeClassName != "" {
		pod.RuntimeClassName = &more.RuntimeClassName
	}
	for _, secret := range more.ImagePullSecrets {
		pod.ImagePullSecrets = append(pod.ImagePullSecrets, corev1.LocalObjectReference{Name: secret.Name})
	}
	return pod
}
