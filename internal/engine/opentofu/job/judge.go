package job

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine/opentofu"
	"github.com/captproject/capt/internal/runner"
)

// Reasons of runs that have failed without a runner, besides those of packages
// runner and opentofu. Each comment says what mends it.
const (
	// ReasonPodNotStarted means that the pod of the run has not started for 15
	// minutes, or never could. Tried again.
	ReasonPodNotStarted = "PodNotStarted"
	// ReasonJobInvalid means that Kubernetes refuses the Job that the template's
	// runner makes. Mended in the template.
	ReasonJobInvalid = "JobInvalid"
)

// waitsForPod is what a new Job waits for.
const waitsForPod = "the Job has no pod yet"

// living returns a pod in which something runs or may still begin to, nil if
// there is none.
func living(pods []corev1.Pod) *corev1.Pod {
	for i := range pods {
		if !dead(&pods[i]) {
			return &pods[i]
		}
	}
	return nil
}

// dead tells whether nothing runs in a pod and nothing will. Kubernetes gives a
// pod one of the last phases when all its containers have ended, or their node is
// gone, and it gives no node to one that is being deleted.
func dead(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed ||
		pod.DeletionTimestamp != nil && pod.Spec.NodeName == ""
}

// begun tells whether the runner was started, as far as anybody knows.
func begun(pod *corev1.Pod) bool {
	if status := containerStatus(pod); status != nil {
		return status.State.Waiting == nil
	}
	return pod.Status.Phase != corev1.PodPending && pod.Status.Phase != ""
}

// containerStatus is that of the runner, nil if there is none yet.
func containerStatus(pod *corev1.Pod) *corev1.ContainerStatus {
	for i := range pod.Status.ContainerStatuses {
		if pod.Status.ContainerStatuses[i].Name == containerName {
			return &pod.Status.ContainerStatuses[i]
		}
	}
	return nil
}

func running(pod *corev1.Pod) opentofu.Execution {
	execution := opentofu.Execution{State: opentofu.ExecutionRunning, Where: place(pod)}
	if pod.DeletionTimestamp != nil {
		execution.Message = "its pod was told to stop"
	}
	return execution
}

// jobPlace is where a run is carried out while it has no pod that has started. It
// tells the run from one that was not started.
func jobPlace(job *batchv1.Job) string { return "Job " + job.Name }

func place(pod *corev1.Pod) string { return fmt.Sprintf("pod %s on %s", pod.Name, pod.Spec.NodeName) }

// waitsFor says what a pod that has not started waits for, in Kubernetes' words.
func waitsFor(pod *corev1.Pod) string {
	if status := containerStatus(pod); status != nil && status.State.Waiting != nil {
		return explain("its pod has not started", status.State.Waiting.Reason, status.State.Waiting.Message)
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
			return explain("its pod has no node", condition.Reason, condition.Message)
		}
	}
	return explain("its pod has not started", pod.Status.Reason, pod.Status.Message)
}

// explain joins what is known of a reason.
func explain(what, reason, message string) string {
	known := slices.DeleteFunc([]string{what, reason, message}, func(text string) bool { return text == "" })
	return strings.Join(known, ": ")
}

// endedByItself tells whether OpenTofu has failed for a reason that may pass, and
// was not stopped. That it was must not be forgotten: it may have left something
// tainted.
func endedByItself(result *runner.Result) bool {
	stopped := result.Reason == runner.ReasonInterrupted || result.Reason == runner.ReasonTimeout
	return result.Kind == infrav1.FailureTransient && !stopped
}

// over is the execution of a run none of whose pods is alive.
func over(job *batchv1.Job, pods []corev1.Pod) opentofu.Execution {
	first := slices.MinFunc(pods, func(a, b corev1.Pod) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	if pod, result := resultOf(pods); result != nil {
		if wantedMemory(pod) && endedByItself(result) {
			// The kernel has killed OpenTofu or a provider, and spared the runner.
			result.Reason, result.Message = runner.ReasonOutOfMemory, memoryAdvice(pod)
		}
		if isEvicted(pod) && result.Phase == infrav1.RunFailed {
			result.Message += "; " + eviction(pod) // which is why it was stopped
		}
		return opentofu.Execution{State: opentofu.ExecutionEnded, Where: place(pod), Result: result}
	}
	if slices.ContainsFunc(pods, func(pod corev1.Pod) bool { return begun(&pod) }) {
		if execution, known := overTheLimit(&first); known {
			return execution
		}
		return opentofu.Execution{State: opentofu.ExecutionLost, Where: place(&first), Message: "its runner ended without a result" + howItEnded(&first)}
	}
	why := waitsFor(&first)
	if job != nil && calledOff(job) {
		why = job.Annotations[calledOffAnnotation]
	}
	return notStarted(why)
}

// resultOf returns the result that a pod has left, nil if none has. That of a
// twin, which found the run at work already, does not count.
func resultOf(pods []corev1.Pod) (*corev1.Pod, *runner.Result) {
	for i := range pods {
		status := containerStatus(&pods[i])
		if status == nil || status.State.Terminated == nil {
			continue
		}
		result, err := runner.ParseResult(status.State.Terminated.Message)
		if err == nil && result.LockHolder != result.Run {
			return &pods[i], result
		}
	}
	return nil, nil
}

// overTheLimit is the execution of a run that Kubernetes has killed for what it
// took. Unlike other losses it would most likely happen again.
func overTheLimit(pod *corev1.Pod) (opentofu.Execution, bool) {
	var execution opentofu.Execution
	switch {
	case wantedMemory(pod):
		execution = failed(runner.ReasonOutOfMemory, infrav1.FailureTransient, memoryAdvice(pod))
	case isEvicted(pod):
		execution = failed(opentofu.ReasonPodEvicted, infrav1.FailureTransient, eviction(pod))
	default:
		return execution, false
	}
	execution.Where = place(pod)
	return execution, true
}

func isEvicted(pod *corev1.Pod) bool { return pod.Status.Reason == "Evicted" }

func eviction(pod *corev1.Pod) string { return "the node has evicted the pod: " + pod.Status.Message }

// wantedMemory tells whether something in the pod was killed for want of memory.
func wantedMemory(pod *corev1.Pod) bool {
	status := containerStatus(pod)
	return status != nil && status.State.Terminated != nil && status.State.Terminated.Reason == "OOMKilled"
}

func memoryAdvice(pod *corev1.Pod) string {
	return fmt.Sprintf("OpenTofu and its providers needed more than the %s of memory that the pod may have, and were killed: raise the limit in the template (runner.podTemplate.spec.resources), or make the module smaller",
		pod.Spec.Containers[0].Resources.Limits.Memory())
}

// howItEnded says what Kubernetes knows of the end of a pod.
func howItEnded(pod *corev1.Pod) string {
	var known []string
	if status := containerStatus(pod); status != nil && status.State.Terminated != nil {
		known = append(known, explain(fmt.Sprintf("exit code %d", status.State.Terminated.ExitCode), status.State.Terminated.Reason, ""))
	}
	if pod.Status.Reason != "" || pod.Status.Message != "" {
		known = append(known, explain("", pod.Status.Reason, pod.Status.Message))
	}
	if len(known) == 0 {
		return ""
	}
	return " (" + strings.Join(known, "; ") + ")"
}

func notStarted(why string) opentofu.Execution {
	return failed(ReasonPodNotStarted, infrav1.FailureTransient, why)
}

// longestMessage is the longest message of a failure, in bytes: Kubernetes has
// something to say about each node.
const longestMessage = 1 << 10

// failed is the execution of a run that has failed without a runner.
func failed(reason string, kind infrav1.FailureKind, message string) opentofu.Execution {
	if len(message) > longestMessage {
		message = strings.ToValidUTF8(message[:longestMessage], "") + " …"
	}
	return opentofu.Execution{State: opentofu.ExecutionEnded, Result: &runner.Result{
		Phase: infrav1.RunFailed, Reason: reason, Kind: kind, Message: message,
	}}
}

func calledOff(job *batchv1.Job) bool {
	_, found := job.Annotations[calledOffAnnotation]
	return found
}

func hasCondition(job *batchv1.Job, conditionType batchv1.JobConditionType) bool {
	return slices.ContainsFunc(job.Status.Conditions, func(condition batchv1.JobCondition) bool {
		return condition.Type == conditionType && condition.Status == corev1.ConditionTrue
	})
}
