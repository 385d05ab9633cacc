package job

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gstruct"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine/opentofu"
	"github.com/captproject/capt/internal/runner"
	"github.com/captproject/capt/internal/tfstate"
)

func TestARunIsCarriedOutInAPod(t *testing.T) {
	w := newWorld(t, module, nil)
	execution := w.ensure()
	w.Expect(execution).To(Equal(opentofu.Execution{
		State: opentofu.ExecutionPending, Where: "Job " + w.job().Name, Message: waitsForPod, After: startTimeout,
	}))
	w.Expect(w.ensure().State).To(Equal(opentofu.ExecutionPending), "there is one Job")

	pod := w.pod("a")
	w.schedule(pod)
	container := w.startContainer(pod)
	where := "pod " + pod.Name + " on node-1"
	w.Expect(w.ensure()).To(Equal(opentofu.Execution{State: opentofu.ExecutionRunning, Where: where}))
	w.endContainer(pod, container)

	// Another manager knows as much.
	again := *w.executor
	w.executor = &again
	for range 2 {
		execution := w.ensure()
		w.Expect(execution.State).To(Equal(opentofu.ExecutionEnded))
		w.Expect(execution.Where).To(Equal(where))
		w.Expect(execution.Result.Phase).To(Equal(infrav1.RunSucceeded), execution.Result.Message)
		w.Expect(execution.Result.Plan.Add).To(Equal(ptr.To[int32](1)))
		w.Expect(execution.Result.InputsDigest).To(Equal(w.run.Spec.InputsRef.Digest))
	}
	outputs := &corev1.Secret{}
	w.get(runner.OutputsName("w"), outputs)
	w.Expect(outputs.Data[runner.OutputsKey]).To(ContainSubstring("hello"))
	w.Expect(outputs.Annotations).To(HaveKeyWithValue(infrav1.InputsDigestAnnotation, w.run.Spec.InputsRef.Digest))
	w.Expect(outputs.OwnerReferences).To(Equal(w.run.OwnerReferences))

	w.Expect(w.job().Spec.TTLSecondsAfterFinished).To(BeNil(), "its result was not recorded yet")
	for range 2 {
		w.release()
		w.get(pod.Name, pod)
		w.Expect(pod.Finalizers).To(Equal([]string{batchv1.JobTrackingFinalizer}))
		w.Expect(w.job().Spec.TTLSecondsAfterFinished).To(Equal(ptr.To[int32](3600)))
	}
}

// slow is a module that writes a file and then waits for the end.
func slow(t *testing.T) (module, mark string) {
	mark = filepath.Join(t.TempDir(), "mark")
	return `resource "terraform_data" "slow" {
  provisioner "local-exec" { command = "echo $PPID $$ > ` + mark + `.new; mv ` + mark + `.new ` + mark + `; exec sleep 600" }
}`, mark
}

// killAll does what the kernel does to a container whose first process is killed.
func killAll(t *testing.T, container *exec.Cmd, mark string) {
	t.Helper()
	g := NewWithT(t)
	g.Expect(container.Process.Kill()).To(Succeed())
	others, err := os.ReadFile(mark)
	g.Expect(err).NotTo(HaveOccurred())
	for _, id := range strings.Fields(string(others)) {
		pid, err := strconv.Atoi(id)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(syscall.Kill(pid, syscall.SIGKILL)).To(Or(Succeed(), MatchError(syscall.ESRCH)))
	}
}

// A pod that is deleted is told to stop. Its result is not lost, although the Job
// is gone with it.
func TestTheResultOfADeletedPodIsKept(t *testing.T) {
	module, mark := slow(t)
	w := newWorld(t, module, nil)
	w.ensure()
	pod := w.pod("a")
	w.schedule(pod)
	container := w.startContainer(pod)
	awaitFile(t, mark)

	w.Expect(env.Client.Delete(t.Context(), w.job(), client.PropagationPolicy(metav1.DeletePropagationBackground))).To(Succeed())
	w.Expect(env.Client.Delete(t.Context(), pod)).To(Succeed())
	w.Expect(w.ensure().Message).To(Equal("its pod was told to stop"))
	w.Expect(container.cmd.Process.Signal(syscall.SIGTERM)).To(Succeed())
	w.endContainer(pod, container)
	w.Expect(env.Client.Delete(t.Context(), pod, client.GracePeriodSeconds(0))).To(Succeed()) // the kubelet is done with it
	w.get(pod.Name, pod)
	pod.Finalizers = []string{podFinalizer} // the Job controller has seen it
	w.Expect(env.Client.Update(t.Context(), pod)).To(Succeed())

	execution := w.ensure()
	w.Expect(execution.State).To(Equal(opentofu.ExecutionEnded))
	w.Expect(execution.Result.Reason).To(Equal(runner.ReasonInterrupted))
	w.release()
	w.Expect(apierrors.IsNotFound(env.Client.Get(t.Context(), client.ObjectKeyFromObject(pod), pod))).To(BeTrue())
	w.Expect(w.ensure()).To(Equal(opentofu.Execution{State: opentofu.ExecutionLost, Message: "its Job and its pod were deleted"}), "it is not started again")
}

// --executor was changed while it was under way: its runner may be alive.
func TestARunThatIsAProcessIsNotLost(t *testing.T) {
	w := newWorld(t, module, nil)
	w.run.Status.Phase, w.run.Status.Runner = infrav1.RunRunning, "process 1 on elsewhere"
	w.Expect(w.ensure()).To(Equal(opentofu.Execution{
		State: opentofu.ExecutionRunning, Where: "process 1 on elsewhere",
		Message: "it was begun as process 1 on elsewhere, and only a manager with --executor=Process can see its end",
	}))
	w.run.Spec.Operation = infrav1.OperationPlan
	w.Expect(w.ensure().State).To(Equal(opentofu.ExecutionLost), "nobody waits for a check")
}

func TestAnInterruptedRunsPodIsDeletedOnce(t *testing.T) {
	w := newWorld(t, module, nil)
	w.ensure()
	w.Expect(w.executor.Interrupt(t.Context(), w.run)).To(Succeed(), "there is none yet")
	pod := w.pod("a")
	w.schedule(pod)
	w.Expect(w.executor.Interrupt(t.Context(), w.run)).To(Succeed())
	w.get(pod.Name, pod)
	told := pod.DeletionTimestamp
	w.Expect(told).NotTo(BeNil(), "which the kubelet tells the runner as SIGTERM")
	w.Expect(w.executor.Interrupt(t.Context(), w.run)).To(Succeed())
	w.get(pod.Name, pod)
	w.Expect(pod.DeletionTimestamp).To(Equal(told))
}

// The queue has noted that it is pending.
func TestARunThatHasWaitedForItsTurnIsStarted(t *testing.T) {
	w := newWorld(t, module, nil)
	w.run.Status.Phase = infrav1.RunPending
	w.Expect(w.ensure().State).To(Equal(opentofu.ExecutionPending))
	w.Expect(env.Client.Delete(t.Context(), w.job(), client.PropagationPolicy(metav1.DeletePropagationBackground))).To(Succeed())
	w.Expect(w.ensure()).To(Equal(opentofu.Execution{State: opentofu.ExecutionLost, Message: "its Job and its pod were deleted"}))
}

func TestAKilledRunnerIsLost(t *testing.T) {
	module, mark := slow(t)
	w := newWorld(t, module, nil)
	w.ensure()
	pod := w.pod("a")
	w.schedule(pod)
	container := w.startContainer(pod)
	awaitFile(t, mark)
	killAll(t, container.cmd, mark)
	w.endContainer(pod, container)
	w.Expect(w.ensure()).To(Equal(opentofu.Execution{
		State: opentofu.ExecutionLost, Where: "pod " + pod.Name + " on node-1",
		Message: "its runner ended without a result (exit code 137: Error)",
	}))
	lease := &coordinationv1.Lease{}
	w.get(tfstate.LeaseName(w.suffix()), lease)
	w.Expect(tfstate.Holder(lease)).To(Equal("w-1"), "the run controller releases it")
}

func TestHowAPodCanEnd(t *testing.T) {
	succeeded := `{"run":"w-1","phase":"Succeeded"}`
	for name, test := range map[string]struct {
		phase     corev1.PodPhase
		container corev1.ContainerState
		reason    string // of the pod
		state     opentofu.ExecutionState
		message   string
	}{
		"unable":              {corev1.PodFailed, terminated(2, "Error", "no JSON"), "", opentofu.ExecutionLost, "its runner ended without a result (exit code 2: Error)"},
		"node was shut down":  {corev1.PodFailed, terminated(137, "ContainerStatusUnknown", ""), "Terminated", opentofu.ExecutionLost, "its runner ended without a result (exit code 137: ContainerStatusUnknown; Terminated)"},
		"evicted, but ended":  {corev1.PodFailed, terminated(0, "Completed", succeeded), "Evicted", opentofu.ExecutionEnded, ""},
		"node is gone":        {corev1.PodFailed, started(), "NodeLost", opentofu.ExecutionLost, "its runner ended without a result (NodeLost)"},
		"container ended":     {corev1.PodRunning, terminated(0, "Completed", succeeded), "", opentofu.ExecutionRunning, ""},
		"could not be made":   {corev1.PodFailed, waiting("CreateContainerConfigError", "no such user"), "", opentofu.ExecutionEnded, "its pod has not started: CreateContainerConfigError: no such user"},
		"refused by the node": {corev1.PodFailed, waiting("ContainerCreating", ""), "UnexpectedAdmissionError", opentofu.ExecutionEnded, "its pod has not started: ContainerCreating"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, module, nil)
			w.ensure()
			pod := w.pod("a")
			w.schedule(pod)
			pod.Status.Reason = test.reason
			w.Expect(env.Client.Status().Update(t.Context(), pod)).To(Succeed())
			w.report(pod, test.phase, test.container)
			execution := w.ensure()
			w.Expect(execution.State).To(Equal(test.state))
			if execution.Result != nil {
				w.Expect(execution.Result.Message).To(Equal(test.message))
				w.Expect(execution.Result.Reason == ReasonPodNotStarted).To(Equal(test.message != ""))
				return
			}
			w.Expect(execution.Message).To(Equal(test.message))
		})
	}
}

// A run that was killed for what it took has failed: it would most likely be killed
// again.
func TestAPodThatTakesTooMuch(t *testing.T) {
	const evicted = "Pod ephemeral local storage usage exceeds the total limit of containers 10Gi."
	for name, test := range map[string]struct {
		container corev1.ContainerState
		status    corev1.PodStatus
		reason    string
		message   string
	}{
		"of memory": {terminated(137, "OOMKilled", ""), corev1.PodStatus{}, runner.ReasonOutOfMemory, "needed more than the 2Gi of memory"},
		"of memory, which the runner survives": {
			terminated(1, "OOMKilled", `{"run":"w-1","phase":"Failed","reason":"PlanFailed","kind":"Transient","message":"signal: killed"}`),
			corev1.PodStatus{}, runner.ReasonOutOfMemory, "needed more than the 2Gi of memory",
		},
		"of memory, before it was stopped": {
			terminated(1, "OOMKilled", `{"run":"w-1","phase":"Failed","reason":"Interrupted","kind":"Transient","message":"stopped"}`),
			corev1.PodStatus{}, runner.ReasonInterrupted, "stopped",
		},
		"of the disk, when the runner could still stop": {
			terminated(1, "Error", `{"run":"w-1","phase":"Failed","reason":"Interrupted","kind":"Transient","message":"stopped"}`),
			corev1.PodStatus{Reason: "Evicted", Message: evicted}, runner.ReasonInterrupted, "stopped; the node has evicted the pod: " + evicted,
		},
		"of the disk": {
			terminated(137, "ContainerStatusUnknown", ""), corev1.PodStatus{Reason: "Evicted", Message: evicted}, opentofu.ReasonPodEvicted, evicted,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, module, nil)
			w.ensure()
			pod := w.pod("a")
			w.schedule(pod)
			pod.Status.Reason, pod.Status.Message = test.status.Reason, test.status.Message
			w.Expect(env.Client.Status().Update(t.Context(), pod)).To(Succeed())
			w.report(pod, corev1.PodFailed, test.container)
			execution := w.ensure()
			w.Expect(execution.State).To(Equal(opentofu.ExecutionEnded))
			w.Expect(execution.Where).To(Equal("pod " + pod.Name + " on node-1"))
			w.Expect(execution.Result).To(gstruct.PointTo(gstruct.MatchFields(gstruct.IgnoreExtras, gstruct.Fields{
				"Phase": Equal(infrav1.RunFailed), "Reason": Equal(test.reason), "Kind": Equal(infrav1.FailureTransient),
				"Message": ContainSubstring(test.message), "KeepDirectory": BeFalse(),
			})))
		})
	}
}

// The second pod of a run finds the first at work, and says so; what counts is
// what the first one leaves.
func TestATwinDoesNotCount(t *testing.T) {
	w := newWorld(t, module, nil)
	w.ensure()
	first, second := w.pod("a"), w.pod("b")
	w.schedule(first)
	w.schedule(second)
	w.report(first, corev1.PodRunning, started())
	locked := terminated(1, "Error", `{"run":"w-1","phase":"Failed","reason":"StateLocked","lockHolder":"w-1"}`)
	w.report(second, corev1.PodFailed, locked)
	w.Expect(w.ensure()).To(Equal(opentofu.Execution{State: opentofu.ExecutionRunning, Where: "pod " + first.Name + " on node-1"}))
	w.report(first, corev1.PodFailed, terminated(137, "Error", ""))
	w.Expect(w.ensure().State).To(Equal(opentofu.ExecutionLost))
	w.report(first, corev1.PodSucceeded, terminated(0, "Completed", `{"run":"w-1","phase":"Succeeded"}`))
	w.Expect(w.ensure().Result.Phase).To(Equal(infrav1.RunSucceeded))
}

func TestAPodThatDoesNotStartSaysWhy(t *testing.T) {
	w := newWorld(t, module, nil)
	w.ensure()
	job := w.job()
	w.create(&corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: w.namespace, Name: "e"},
		InvolvedObject: corev1.ObjectReference{Kind: "Job", Namespace: w.namespace, Name: job.Name, UID: job.UID},
		Type:           "Warning", Reason: failedCreate, LastTimestamp: metav1.Now(),
		Message: `Error creating: pods "` + job.Name + `-x2fhk" is forbidden: exceeded quota: q`,
	})
	w.Expect(w.ensure().Message).To(Equal(`its pod cannot be made: Error creating: pods "` + job.Name + `" is forbidden: exceeded quota: q`))

	pod := w.pod("a")
	w.Expect(w.ensure().Message).To(Equal("its pod has not started"))
	pod.Status.Conditions = []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/1 nodes are available",
	}}
	w.Expect(env.Client.Status().Update(t.Context(), pod)).To(Succeed())
	w.Expect(w.ensure().Message).To(Equal("its pod has no node: Unschedulable: 0/1 nodes are available"))

	w.schedule(pod)
	w.report(pod, corev1.PodPending, waiting("ImagePullBackOff", "Back-off pulling image"))
	w.now = job.CreationTimestamp.Add(time.Minute)
	w.Expect(w.ensure()).To(Equal(opentofu.Execution{
		State: opentofu.ExecutionPending, Where: "Job " + job.Name,
		Message: "its pod has not started: ImagePullBackOff: Back-off pulling image", After: startTimeout - time.Minute,
	}))
}

func expectNotStarted(message string) gstruct.Fields {
	return gstruct.Fields{
		"Phase": Equal(infrav1.RunFailed), "Reason": Equal(ReasonPodNotStarted), "Kind": Equal(infrav1.FailureTransient), "Message": Equal(message),
	}
}

func TestAPodThatDoesNotStartIsCalledOff(t *testing.T) {
	w := newWorld(t, module, nil)
	w.ensure()
	pod := w.pod("a")
	w.schedule(pod)
	w.report(pod, corev1.PodPending, waiting("ErrImagePull", "no such image"))
	w.now = w.job().CreationTimestamp.Add(startTimeout)
	const why = "its pod has not started: ErrImagePull: no such image"
	for range 2 {
		w.Expect(w.ensure()).To(Equal(opentofu.Execution{State: opentofu.ExecutionPending, Where: "Job " + w.job().Name, Message: why}))
		w.Expect(w.job().Spec.Suspend).To(Equal(ptr.To(true)))
	}
	// Now the Job controller deletes the pod, and the kubelet lets it go.
	w.Expect(env.Client.Delete(t.Context(), pod)).To(Succeed())
	w.report(pod, corev1.PodFailed, waiting("ContainerCreating", ""))
	w.Expect(w.ensure().Result).To(gstruct.PointTo(gstruct.MatchFields(gstruct.IgnoreExtras, expectNotStarted(why))))

	w.release()
	w.release()
	jobs := &batchv1.JobList{}
	w.Expect(env.Client.List(t.Context(), jobs, client.InNamespace(w.namespace))).To(Succeed())
	w.Expect(jobs.Items).To(BeEmpty())
}

// A pod may begin while it is called off; it is then told to stop like any other.
func TestAPodThatStartsWhileItIsCalledOff(t *testing.T) {
	w := newWorld(t, module, nil)
	w.ensure()
	pod := w.pod("a")
	w.now = w.job().CreationTimestamp.Add(startTimeout)
	w.ensure()
	w.schedule(pod)
	w.report(pod, corev1.PodRunning, started())
	w.Expect(w.ensure().State).To(Equal(opentofu.ExecutionRunning))
	w.report(pod, corev1.PodFailed, terminated(1, "Error", `{"run":"w-1","phase":"Failed","reason":"Interrupted"}`))
	w.Expect(w.ensure().Result.Reason).To(Equal(runner.ReasonInterrupted))
}

func TestARunThatIsDeletedBeforeItStarts(t *testing.T) {
	w := newWorld(t, module, nil)
	w.run.DeletionTimestamp = ptr.To(metav1.Now())
	w.Expect(w.ensure()).To(Equal(opentofu.Execution{State: opentofu.ExecutionLost, Message: "it was deleted before it was started"}))

	w.run.DeletionTimestamp = nil
	w.ensure()
	w.run.DeletionTimestamp = ptr.To(metav1.Now())
	w.Expect(w.ensure()).To(Equal(opentofu.Execution{State: opentofu.ExecutionPending, Where: "Job " + w.job().Name, Message: waitsForPod}))
	w.Expect(w.ensure().State).To(Equal(opentofu.ExecutionPending), "the Job controller may just be making a pod")
	w.suspendedByKubernetes()
	w.Expect(w.ensure().Result).To(gstruct.PointTo(gstruct.MatchFields(gstruct.IgnoreExtras, expectNotStarted(waitsForPod))))
}

// What a cache has not seen is released before the run is forgotten.
func TestThePodOfADeletedRunIsReleasedAtOnce(t *testing.T) {
	w := newWorld(t, module, nil)
	w.ensure()
	pod := w.pod("a")
	w.schedule(pod)
	w.report(pod, corev1.PodFailed, terminated(1, "Error", ""))
	w.executor.Client = &blind{w.executor.Client}
	w.release()
	w.get(pod.Name, pod)
	w.Expect(pod.Finalizers).To(ContainElement(podFinalizer), "it asks again when the cache sees it")
	w.run.DeletionTimestamp = ptr.To(metav1.Now())
	w.release()
	w.get(pod.Name, pod)
	w.Expect(pod.Finalizers).NotTo(ContainElement(podFinalizer))
}

// blind is a client whose cache holds nothing to list.
type blind struct{ client.Client }

func (*blind) List(context.Context, client.ObjectList, ...client.ListOption) error { return nil }

func TestAJobThatAQuotaForbids(t *testing.T) {
	w := newWorld(t, module, nil)
	w.create(&corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "none"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"count/jobs.batch": resource.MustParse("0")}},
	})
	quota := &corev1.ResourceQuota{}
	w.get("none", quota)
	quota.Status = corev1.ResourceQuotaStatus{
		Hard: quota.Spec.Hard, Used: corev1.ResourceList{"count/jobs.batch": resource.MustParse("0")},
	}
	w.Expect(env.Client.Status().Update(t.Context(), quota)).To(Succeed())
	probe := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "probe"}, Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{
		Spec: corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "a", Image: "a"}}},
	}}}
	w.Eventually(func() bool {
		return apierrors.IsForbidden(env.Client.Create(t.Context(), probe.DeepCopy(), client.DryRunAll))
	}).Should(BeTrue(), "the quota counts")
	w.Expect(w.ensure().Result).To(gstruct.PointTo(gstruct.MatchFields(gstruct.IgnoreExtras, gstruct.Fields{
		"Reason": Equal(ReasonPodNotStarted), "Kind": Equal(infrav1.FailureTransient), "Message": ContainSubstring("exceeded quota: none"),
	})))
	w.Expect(w.executor.Started(t.Context(), w.run)).To(BeFalse())
	w.Expect(env.Client.Delete(t.Context(), quota)).To(Succeed())
	w.Eventually(func() opentofu.ExecutionState { return w.ensure().State }).Should(Equal(opentofu.ExecutionPending))
	w.Expect(w.executor.Started(t.Context(), w.run)).To(BeTrue())
}

func TestAPodWithoutANodeIsDeadWhenItIsDeleted(t *testing.T) {
	w := newWorld(t, module, nil)
	w.ensure()
	pod := w.pod("a")
	w.Expect(env.Client.Delete(t.Context(), pod)).To(Succeed())
	w.get(pod.Name, pod)
	w.Expect(pod.DeletionTimestamp).NotTo(BeNil())
	w.Expect(w.ensure().Result).To(gstruct.PointTo(gstruct.MatchFields(gstruct.IgnoreExtras, expectNotStarted("its pod has not started"))))
}

func TestAPodThatWasTakenAwayIsLost(t *testing.T) {
	w := newWorld(t, module, nil)
	w.ensure()
	job := w.job()
	job.Status = batchv1.JobStatus{StartTime: ptr.To(metav1.Now()), Failed: 1, Conditions: []batchv1.JobCondition{
		{Type: batchv1.JobFailureTarget, Status: corev1.ConditionTrue}, {Type: batchv1.JobFailed, Status: corev1.ConditionTrue},
	}}
	w.Expect(env.Client.Status().Update(t.Context(), job)).To(Succeed())
	w.Expect(w.ensure()).To(Equal(opentofu.Execution{State: opentofu.ExecutionLost, Message: "its pod was deleted together with its result"}))
}

func TestInputsThatAreGone(t *testing.T) {
	w := newWorld(t, module, nil)
	w.Expect(env.Client.Delete(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "w-inputs"}})).To(Succeed())
	w.Expect(w.ensure().Result).To(gstruct.PointTo(gstruct.MatchFields(gstruct.IgnoreExtras, gstruct.Fields{
		"Phase": Equal(infrav1.RunFailed), "Reason": Equal(runner.ReasonInputsNotFound), "Message": Equal("there is no Secret w-inputs"),
	})))
}
