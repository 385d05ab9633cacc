package node

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilrand "k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// patience is how long anything may take, on a machine that does much else.
	patience = 3 * time.Minute
	interval = 100 * time.Millisecond

	probeImage = "capt.test/probe:latest"
	container  = "probe"
)

func importProbe(ctx context.Context, n *Node) error {
	program, err := n.Build(ctx, "./test/node/probe")
	if err != nil {
		return err
	}
	return n.Import(ctx, Image{Name: probeImage, Files: map[string]string{"/probe": program}, Entrypoint: []string{"/probe"}})
}

// sandbox is a namespace for one test, where pods have to be restricted.
type sandbox struct {
	testing.TB
	*WithT
	ns string
}

func newSandbox(t *testing.T) *sandbox {
	t.Helper()
	s := &sandbox{TB: t, WithT: NewWithT(t), ns: "node-" + utilrand.String(8)}
	s.Expect(shared.Client.Create(t.Context(), namespace(s.ns))).To(Succeed())
	t.Cleanup(func() {
		if t.Failed() {
			for _, pod := range s.pods(context.Background()) {
				t.Logf("%s is %s: %+v", pod.Name, pod.Status.Phase, pod.Status.ContainerStatuses)
			}
			t.Log(shared.Logs(s.ns))
		}
	})
	return s
}

func namespace(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: name, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}
}

// eventually waits until all assertions hold.
func (s *sandbox) eventually(check func(g Gomega)) {
	s.Helper()
	s.Eventually(check).WithContext(s.Context()).WithTimeout(patience).WithPolling(interval).Should(Succeed())
}

func (s *sandbox) pods(ctx context.Context) []corev1.Pod {
	list := &corev1.PodList{}
	s.Expect(shared.Client.List(ctx, list, client.InNamespace(s.ns))).To(Succeed())
	return list.Items
}

// running is the one pod of the sandbox, once it runs a container that is not
// the one with this id.
func (s *sandbox) running(other string) *corev1.Pod {
	s.Helper()
	var pod corev1.Pod
	s.eventually(func(g Gomega) {
		pods := s.pods(s.Context())
		g.Expect(pods).To(HaveLen(1))
		pod = pods[0]
		g.Expect(pod.Status.ContainerStatuses).To(HaveLen(1))
		status := pod.Status.ContainerStatuses[0]
		g.Expect(status.State.Running).NotTo(BeNil())
		g.Expect(status.ContainerID).NotTo(Equal(other))
	})
	return &pod
}

// createPod makes a pod that goes on until it is told to end.
func (s *sandbox) createPod() {
	s.Helper()
	s.Expect(shared.Client.Create(s.Context(), waitingPod(s.ns))).To(Succeed())
}

func waitingPod(namespace string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "waiting"},
		Spec:       restricted(corev1.RestartPolicyAlways, "wait"),
	}
}

// createJob makes a Job, which is tried three times at most.
func (s *sandbox) createJob(args ...string) *batchv1.Job {
	s.Helper()
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "probe"},
		Spec: batchv1.JobSpec{
			BackoffLimit: ptr.To[int32](2),
			Template:     corev1.PodTemplateSpec{Spec: restricted(corev1.RestartPolicyNever, args...)},
		},
	}
	s.Expect(shared.Client.Create(s.Context(), job)).To(Succeed())
	return job
}

// restricted is a pod that the restricted pod security standard allows.
func restricted(policy corev1.RestartPolicy, args ...string) corev1.PodSpec {
	return corev1.PodSpec{
		RestartPolicy: policy,
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot:   ptr.To(true),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{{
			Name: container, Image: probeImage, ImagePullPolicy: corev1.PullNever, Args: args,
			SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: ptr.To(false),
				ReadOnlyRootFilesystem:   ptr.To(true),
				Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			},
		}},
	}
}
