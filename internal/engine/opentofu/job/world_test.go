package job

import (
	"os"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine/opentofu"
	"github.com/captproject/capt/internal/inputs"
	"github.com/captproject/capt/internal/tfstate"
)

// world is a namespace under the restricted pod security standard with the run
// `w-1` of the workspace `w`, and an executor with the rights of the manager. The
// test plays the Job controller, the scheduler and the kubelet.
type world struct {
	*WithT
	t         *testing.T
	namespace string
	executor  *Executor
	run       *infrav1.WorkspaceRun
	now       time.Time
}

const module = `
resource "terraform_data" "a" { input = "hello" }
output "out" { value = terraform_data.a.output }
`

func newWorld(t *testing.T, module string, spec *infrav1.RunnerSpec) *world {
	t.Helper()
	w := &world{WithT: NewWithT(t), t: t, now: time.Now()}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "test-", Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}
	w.create(namespace)
	w.namespace = namespace.Name
	manager := w.managerClient()
	w.executor = &Executor{Client: manager, Live: manager, Image: "capt:test", Now: func() time.Time { return w.now }}
	w.run = w.newRun("w", module, spec)
	return w
}

// managerClient is a client with exactly the rights of config/rbac.
func (w *world) managerClient() client.Client {
	w.t.Helper()
	const user = "capt-manager"
	text, err := os.ReadFile("../../../../config/rbac/role.yaml")
	w.Expect(err).NotTo(HaveOccurred())
	role := &rbacv1.ClusterRole{}
	w.Expect(yaml.UnmarshalStrict(text, role)).To(Succeed())
	w.Expect(client.IgnoreAlreadyExists(env.Client.Create(w.t.Context(), role))).To(Succeed())
	w.Expect(client.IgnoreAlreadyExists(env.Client.Create(w.t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: user},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	}))).To(Succeed())
	config := rest.CopyConfig(env.Config)
	config.Impersonate.UserName = user
	return w.client(config)
}

func (w *world) client(config *rest.Config) client.Client {
	w.t.Helper()
	c, err := client.New(config, client.Options{Scheme: env.Scheme})
	w.Expect(err).NotTo(HaveOccurred())
	return client.WithFieldValidation(c, metav1.FieldValidationStrict)
}

// newRun makes a workspace, its inputs and its first run.
func (w *world) newRun(name, module string, spec *infrav1.RunnerSpec) *infrav1.WorkspaceRun {
	w.t.Helper()
	workspace := &infrav1.WorkspaceTemplateApply{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name},
		Spec:       infrav1.WorkspaceTemplateApplySpec{TemplateRef: infrav1.WorkspaceTemplateReference{Name: "t"}},
	}
	w.create(workspace)
	owned := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{
			Namespace: w.namespace, Name: name, Labels: map[string]string{infrav1.WorkspaceLabel: workspace.Name},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(workspace, infrav1.GroupVersion.WithKind("WorkspaceTemplateApply"))},
		}
	}
	in := inputs.Inputs{Module: inputs.Module{Source: "Inline", Content: module}, Runner: spec}
	encoded, err := in.Encode()
	w.Expect(err).NotTo(HaveOccurred())
	w.create(&corev1.Secret{ObjectMeta: owned(name + "-inputs"), Data: map[string][]byte{inputs.SecretKey: encoded}})
	run := &infrav1.WorkspaceRun{ObjectMeta: owned(name + "-1"), Spec: infrav1.WorkspaceRunSpec{
		ApplyName: name, Operation: infrav1.OperationApply, Attempt: 1,
		InputsRef: infrav1.InputsReference{Name: name + "-inputs", Digest: inputs.Digest(encoded)},
	}}
	w.create(run)
	return run
}

func (w *world) create(object client.Object) {
	w.t.Helper()
	w.Expect(env.Client.Create(w.t.Context(), object)).To(Succeed())
}

func (w *world) get(name string, into client.Object) {
	w.t.Helper()
	w.Expect(env.Client.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, into)).To(Succeed())
}

// ensure asks as the run controller does, which records how far the run has come.
func (w *world) ensure() opentofu.Execution {
	w.t.Helper()
	execution, err := w.executor.Ensure(w.t.Context(), w.run)
	w.Expect(err).NotTo(HaveOccurred())
	if execution.Where != "" {
		w.run.Status.Runner = execution.Where
	}
	switch execution.State {
	case opentofu.ExecutionPending:
		w.run.Status.Phase = infrav1.RunPending
	case opentofu.ExecutionRunning:
		w.run.Status.Phase = infrav1.RunRunning
	case opentofu.ExecutionEnded, opentofu.ExecutionLost:
	}
	return execution
}

func (w *world) release() {
	w.t.Helper()
	w.Expect(w.executor.Release(w.t.Context(), w.run)).To(Succeed())
}

// job is the Job of the run.
func (w *world) job() *batchv1.Job {
	w.t.Helper()
	jobs := &batchv1.JobList{}
	w.Expect(env.Client.List(w.t.Context(), jobs, client.InNamespace(w.namespace))).To(Succeed())
	w.Expect(jobs.Items).To(HaveLen(1))
	return &jobs.Items[0]
}

// pod makes a pod for the Job, as the Job controller does.
func (w *world) pod(name string) *corev1.Pod {
	w.t.Helper()
	job := w.job()
	template := job.Spec.Template.DeepCopy()
	template.Namespace, template.Name = job.Namespace, job.Name+"-"+name
	template.Finalizers = append(template.Finalizers, batchv1.JobTrackingFinalizer)
	template.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(job, batchv1.SchemeGroupVersion.WithKind("Job"))}
	pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
	w.create(pod)
	return pod
}

// schedule gives a pod a node.
func (w *world) schedule(pod *corev1.Pod) {
	w.t.Helper()
	binding := &corev1.Binding{Target: corev1.ObjectReference{Kind: "Node", Name: "node-1"}}
	w.Expect(env.Client.SubResource("binding").Create(w.t.Context(), pod, binding)).To(Succeed())
	w.get(pod.Name, pod)
}

// report writes the status of a pod, as the kubelet does.
func (w *world) report(pod *corev1.Pod, phase corev1.PodPhase, state corev1.ContainerState) {
	w.t.Helper()
	w.get(pod.Name, pod)
	pod.Status.Phase = phase
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: containerName, State: state}}
	w.Expect(env.Client.Status().Update(w.t.Context(), pod)).To(Succeed())
}

func started() corev1.ContainerState {
	return corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}}
}

func waiting(reason, message string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
}

func terminated(code int32, reason, message string) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason, Message: message}}
}

// suspendedByKubernetes has the Job controller note that it sees the suspension.
func (w *world) suspendedByKubernetes() {
	w.t.Helper()
	job := w.job()
	w.Expect(job.Spec.Suspend).To(Equal(ptr.To(true)))
	job.Status.Conditions = append(job.Status.Conditions, batchv1.JobCondition{Type: batchv1.JobSuspended, Status: corev1.ConditionTrue})
	w.Expect(env.Client.Status().Update(w.t.Context(), job)).To(Succeed())
}

func (w *world) suffix() string { return tfstate.Suffix(w.namespace, "w") }
