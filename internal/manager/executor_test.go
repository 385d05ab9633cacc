package manager

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/clock"
	"sigs.k8s.io/cluster-api/util/conditions"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/test/envtest"
)

var env envtest.Environment

func TestMain(m *testing.M) { os.Exit(envtest.Run(m, &env)) }

// asManager makes $KUBECONFIG that of a user with exactly the rights of
// config/rbac.
func asManager(t *testing.T) {
	t.Helper()
	g := NewWithT(t)
	text, err := os.ReadFile("../../config/rbac/role.yaml")
	g.Expect(err).NotTo(HaveOccurred())
	role := &rbacv1.ClusterRole{}
	g.Expect(yaml.UnmarshalStrict(text, role)).To(Succeed())
	g.Expect(env.Client.Create(t.Context(), role)).To(Succeed())
	g.Expect(env.Client.Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "manager"}},
	})).To(Succeed())
	config, err := clientcmd.Load(env.Kubeconfig)
	g.Expect(err).NotTo(HaveOccurred())
	for _, user := range config.AuthInfos {
		user.Impersonate = "manager"
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	g.Expect(clientcmd.WriteToFile(*config, path)).To(Succeed())
	t.Setenv("KUBECONFIG", path)
}

// The manager, with its rights and nothing of the kubelet's, takes a workspace as
// far as a Job with its own image, and hears from the pod.
func TestTheManagerMakesJobs(t *testing.T) {
	g := NewWithT(t)
	namespace := env.Namespace(t)
	own := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "manager"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "other", Image: "other"}, {Name: managerContainer, Image: "capt:own"}}},
	}
	g.Expect(env.Client.Create(t.Context(), own)).To(Succeed())
	t.Setenv("POD_NAMESPACE", namespace)
	t.Setenv("POD_NAME", own.Name)
	asManager(t)
	options := NewOptions()
	options.executor, options.healthAddress = executorJob, "0"
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- Start(ctx, options, clock.RealClock{}) }()
	defer func() {
		stop()
		g.Expect(<-ended).To(Succeed())
	}()

	template := &infrav1.WorkspaceTemplate{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "t"}}
	template.Spec.Template.Spec.ForProvider = infrav1.ModuleSpec{Source: infrav1.ModuleSourceInline, Module: "# nothing"}
	g.Expect(env.Client.Create(t.Context(), template)).To(Succeed())
	g.Expect(env.Client.Create(t.Context(), &infrav1.WorkspaceTemplateApply{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "w"},
		Spec:       infrav1.WorkspaceTemplateApplySpec{TemplateRef: infrav1.WorkspaceTemplateReference{Name: "t"}},
	})).To(Succeed())

	jobs := &batchv1.JobList{}
	g.Eventually(func(g Gomega) {
		g.Expect(env.Client.List(t.Context(), jobs, client.InNamespace(namespace))).To(Succeed())
		g.Expect(jobs.Items).To(HaveLen(1))
	}, "1m").Should(Succeed())
	job := &jobs.Items[0]
	g.Expect(job.Spec.Template.Spec.Containers[0].Image).To(Equal("capt:own"))

	g.Expect(env.Client.Create(t.Context(), &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: namespace, Name: "e"},
		InvolvedObject: corev1.ObjectReference{Kind: "Job", Namespace: namespace, Name: job.Name, UID: job.UID},
		Reason:         "FailedCreate", Message: "exceeded quota",
	})).To(Succeed())
	g.Eventually(succeeded(t, namespace), "1m").Should(Equal("Pending: its pod cannot be made: exceeded quota"))

	pod := &corev1.Pod{ObjectMeta: job.Spec.Template.ObjectMeta, Spec: job.Spec.Template.Spec}
	pod.Namespace, pod.Name = namespace, "pod"
	g.Expect(env.Client.Create(t.Context(), pod)).To(Succeed())
	pod.Status.Phase = corev1.PodFailed
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "runner", State: corev1.ContainerState{
		Terminated: &corev1.ContainerStateTerminated{Message: `{"run":"w-1","phase":"Failed","reason":"ModuleInvalid","kind":"Configuration","message":"it is empty"}`},
	}}}
	g.Expect(env.Client.Status().Update(t.Context(), pod)).To(Succeed())
	g.Eventually(succeeded(t, namespace), "1m").Should(Equal("ModuleInvalid: it is empty"))
	g.Eventually(func(g Gomega) {
		g.Expect(env.Client.Get(t.Context(), client.ObjectKeyFromObject(pod), pod)).To(Succeed())
		g.Expect(pod.Finalizers).To(BeEmpty())
	}, "1m").Should(Succeed())
}

// succeeded is the reason and the message of the condition of the run.
func succeeded(t *testing.T, namespace string) func() string {
	return func() string {
		run := &infrav1.WorkspaceRun{}
		if err := env.Client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "w-1"}, run); err != nil {
			return err.Error()
		}
		condition := conditions.Get(run, infrav1.SucceededCondition)
		if condition == nil {
			return ""
		}
		return condition.Reason + ": " + condition.Message
	}
}

func TestOptions(t *testing.T) {
	g := NewWithT(t)
	options := NewOptions()
	options.executor = "Pod"
	g.Expect(options.complete()).To(MatchError(`--executor is "Pod"; it must be Job or Process`))
	options = NewOptions()
	options.executor, options.tofu = executorJob, "/does/not/exist"
	g.Expect(options.complete()).To(Succeed(), "OpenTofu is in the image of the runners")
	for _, executor := range []executorName{executorJob, executorProcess} {
		options = NewOptions()
		options.executor, options.tofu, options.providerMirror = executor, "sh", "http://mirror.example.com/"
		g.Expect(options.complete()).To(MatchError(ContainSubstring("--provider-mirror")))
	}
	options = NewOptions()
	options.tofu, options.workDir, options.providerMirror = "sh", "/runs", "https://mirror.example.com/"
	g.Expect(options.complete()).To(Succeed())
	g.Expect(options.processArgs()).To(ContainElements("--provider-mirror=https://mirror.example.com/", "--plugins=/runs/plugins"))
	options.providerMirror = "/mirror"
	g.Expect(options.processArgs()).NotTo(ContainElement(HavePrefix("--plugins")), "they are linked from there")
	_, err := ownImage(t.Context(), env.Client)
	g.Expect(err).To(MatchError(ContainSubstring("POD_NAME and POD_NAMESPACE")))
}
