package job

import (
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gstruct"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine/opentofu"
	"github.com/captproject/capt/internal/runner"
)

func TestTheJobOfARun(t *testing.T) {
	w := newWorld(t, module, nil)
	w.executor.Args = []string{"--provider-mirror=/mirror"}
	w.run.Spec.ApplyRequest = "now"
	w.run.Spec.Timeout = &metav1.Duration{Duration: 10 * time.Minute}
	w.ensure()
	job := w.job()
	w.Expect(job.Name).To(HavePrefix("w-1-"))
	w.Expect(job.OwnerReferences).To(ConsistOf(HaveField("UID", w.run.UID)))
	w.Expect(job.Labels).To(Equal(map[string]string{infrav1.WorkspaceLabel: "w", runLabel: string(w.run.UID)}))
	w.Expect(job.Spec.BackoffLimit).To(Equal(ptr.To[int32](0)))
	w.Expect(job.Spec.PodReplacementPolicy).To(Equal(ptr.To(batchv1.Failed)))

	template := job.Spec.Template
	w.Expect(template.Annotations).To(And(
		HaveKeyWithValue("cluster-autoscaler.kubernetes.io/safe-to-evict", "false"),
		HaveKeyWithValue("karpenter.sh/do-not-disrupt", "true")))
	pod := template.Spec
	w.Expect(pod.RestartPolicy).To(Equal(corev1.RestartPolicyNever))
	w.Expect(pod.AutomountServiceAccountToken).To(Equal(ptr.To(false)))
	grace := runner.LongestEnd(runner.DefaultGrace)
	w.Expect(*pod.TerminationGracePeriodSeconds).To(BeEquivalentTo(grace.Seconds()))
	container := pod.Containers[0]
	w.Expect(container.Image).To(Equal("capt:test"))
	w.Expect(container.Resources.Limits).NotTo(HaveKey(corev1.ResourceCPU))
	w.Expect(container.Resources.Limits).To(And(HaveKey(corev1.ResourceMemory), HaveKey(corev1.ResourceEphemeralStorage)))
	w.Expect(container.Resources.Requests).To(HaveKey(corev1.ResourceEphemeralStorage), "which would be the limit otherwise")
	w.Expect(container.SecurityContext.ReadOnlyRootFilesystem).To(Equal(ptr.To(true)))
	w.Expect(container.Args).To(Equal([]string{
		"--namespace=" + w.namespace, "--workspace=w", "--run=w-1", "--operation=Apply", "--inputs-secret=w-inputs", "--apply-request=now", `--terms={"timeout":"10m0s"}`,
		"--dir=/work/run", "--tofu=/usr/local/bin/tofu", "--ephemeral", "--termination-log=/dev/termination-log", "--provider-mirror=/mirror",
	}))
}

func TestATemplateChoosesImageAndPlace(t *testing.T) {
	w := newWorld(t, module, &infrav1.RunnerSpec{
		Image: "mine:1",
		PodTemplate: infrav1.RunnerPodTemplate{
			Metadata: infrav1.RunnerPodMetadata{
				Labels:      map[string]string{"team": "a", runLabel: "x"},
				Annotations: map[string]string{"note": "b", "karpenter.sh/do-not-disrupt": "false"},
			},
			Spec: infrav1.RunnerPodSpec{
				NodeSelector: map[string]string{"zone": "a"}, PriorityClassName: "system-node-critical", RuntimeClassName: "sandbox",
				Tolerations:      []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
				ImagePullSecrets: []infrav1.RunnerPullSecret{{Name: "pull"}},
				Volumes:          []infrav1.RunnerVolume{{Name: "mirror", PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "mirror"}}},
				VolumeMounts:     []infrav1.RunnerVolumeMount{{Name: "mirror", MountPath: "/mirror", SubPath: "a"}},
				Resources: &corev1.ResourceRequirements{
					Requests: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("4Gi")},
					Limits:   corev1.ResourceList{corev1.ResourceEphemeralStorage: resource.MustParse("500Mi")},
				},
			},
		},
	})
	w.ensure()
	template := w.job().Spec.Template
	w.Expect(template.Labels).To(And(HaveKeyWithValue("team", "a"), HaveKeyWithValue(runLabel, string(w.run.UID))))
	w.Expect(template.Annotations).To(And(HaveKeyWithValue("note", "b"), HaveKeyWithValue("karpenter.sh/do-not-disrupt", "true")))
	w.Expect(template.Spec).To(gstruct.MatchFields(gstruct.IgnoreExtras, gstruct.Fields{
		"NodeSelector": HaveKeyWithValue("zone", "a"), "RuntimeClassName": Equal(ptr.To("sandbox")), "PriorityClassName": Equal("system-node-critical"),
		"Tolerations": HaveLen(1), "ImagePullSecrets": ConsistOf(corev1.LocalObjectReference{Name: "pull"}), "Volumes": HaveLen(4),
	}))
	container := template.Spec.Containers[0]
	w.Expect(container.Image).To(Equal("mine:1"))
	w.Expect(container.VolumeMounts).To(ContainElement(corev1.VolumeMount{Name: "mirror", MountPath: "/mirror", SubPath: "a", ReadOnly: true}))
	w.Expect(container.Resources.Limits.Memory().String()).To(Equal("4Gi"))
	w.Expect(container.Env).To(ContainElement(corev1.EnvVar{Name: "GOMEMLIMIT", Value: "3650722120"}), "85 %")
	w.Expect(container.Resources.Requests.StorageEphemeral().String()).To(Equal("500Mi"))
}

func TestAJobThatKubernetesRefuses(t *testing.T) {
	w := newWorld(t, module, &infrav1.RunnerSpec{PodTemplate: infrav1.RunnerPodTemplate{
		Spec: infrav1.RunnerPodSpec{NodeSelector: map[string]string{"not a label": "x"}},
	}})
	execution := w.ensure()
	w.Expect(execution.State).To(Equal(opentofu.ExecutionEnded))
	w.Expect(execution.Result.Reason).To(Equal(ReasonJobInvalid))
	w.Expect(execution.Result.Kind).To(Equal(infrav1.FailureConfiguration))
	w.Expect(execution.Result.Message).To(ContainSubstring("not a label"))
}

func TestNamesOfJobs(t *testing.T) {
	g := NewWithT(t)
	name := func(run string, uid types.UID) string {
		r := &infrav1.WorkspaceRun{}
		r.Name, r.UID = run, uid
		return jobName(r)
	}
	g.Expect(name("w-1", "a")).To(Equal(name("w-1", "a")))
	g.Expect(name("w-1", "a")).NotTo(Equal(name("w-1", "b")))
	g.Expect(len(name(strings.Repeat("x", 250), "a"))).To(Equal(longestName))
	g.Expect(name(strings.Repeat("x", 53)+".-y", "a")).NotTo(ContainSubstring(".-"))
}

func TestMessagesOfFailuresAreShort(t *testing.T) {
	NewWithT(t).Expect(len(failed("R", infrav1.FailureTransient, strings.Repeat("ä", 4096)).Result.Message)).To(BeNumerically("<", 1100))
}
