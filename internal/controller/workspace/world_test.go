package workspace

import (
	"context"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine"
	"github.com/captproject/capt/internal/inputs"
	"github.com/captproject/capt/internal/phase"
)

// world is an API server with the workspace `w` of the template `t`, and an
// engine that does as it is told.
type world struct {
	*WithT
	t          *testing.T
	namespace  string
	engine     *fakeEngine
	reconciler *Reconciler
}

// newWorld makes the workspace, changed by the test, and brings it to the point
// where all of a reconcile is done. The template is left to the test.
func newWorld(t *testing.T, change func(*infrav1.WorkspaceTemplateApply)) *world {
	t.Helper()
	w := &world{WithT: NewWithT(t), t: t, namespace: env.Namespace(t), engine: &fakeEngine{}}
	w.reconciler = &Reconciler{
		Client: env.Client, Live: env.Client, Engine: w.engine,
		Reporter: phase.Reporter{Controller: "test", Recorder: &events.FakeRecorder{}},
	}
	workspace := newWorkspace(w.namespace, "w")
	if change != nil {
		change(workspace)
	}
	w.create(workspace)
	w.reconcile() // the finalizer, and that it is not to be moved
	w.Expect(w.engine.questions()).To(BeEmpty())
	return w
}

func newWorkspace(namespace, name string) *infrav1.WorkspaceTemplateApply {
	return &infrav1.WorkspaceTemplateApply{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{clusterv1.ClusterNameLabel: "c"}},
		Spec:       infrav1.WorkspaceTemplateApplySpec{TemplateRef: infrav1.WorkspaceTemplateReference{Name: "t"}},
	}
}

func newTemplate(namespace string) *infrav1.WorkspaceTemplate {
	template := &infrav1.WorkspaceTemplate{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "t"}}
	template.Spec.Template.Spec.ForProvider = infrav1.ModuleSpec{Source: infrav1.ModuleSourceInline, Module: "# nothing"}
	return template
}

// template makes the template of the workspace.
func (w *world) template(change func(*infrav1.WorkspaceTemplateSpec)) *infrav1.WorkspaceTemplate {
	template := newTemplate(w.namespace)
	if change != nil {
		change(&template.Spec)
	}
	w.create(template)
	return template
}

func (w *world) create(obj client.Object) {
	w.t.Helper()
	w.Expect(env.Client.Create(context.Background(), obj)).To(Succeed())
}

func (w *world) update(obj client.Object) {
	w.t.Helper()
	w.Expect(env.Client.Update(context.Background(), obj)).To(Succeed())
}

func (w *world) delete(obj client.Object) {
	w.t.Helper()
	w.Expect(env.Client.Delete(context.Background(), obj)).To(Succeed())
}

func (w *world) key(name string) client.ObjectKey {
	return client.ObjectKey{Namespace: w.namespace, Name: name}
}

func (w *world) request() ctrl.Request { return ctrl.Request{NamespacedName: w.key("w")} }

func (w *world) tryReconcile() (ctrl.Result, error) {
	return w.reconciler.Reconcile(context.Background(), w.request())
}

func (w *world) reconcile() ctrl.Result {
	w.t.Helper()
	result, err := w.tryReconcile()
	w.Expect(err).NotTo(HaveOccurred())
	return result
}

func (w *world) workspace() *infrav1.WorkspaceTemplateApply {
	w.t.Helper()
	workspace := &infrav1.WorkspaceTemplateApply{}
	w.Expect(env.Client.Get(context.Background(), w.key("w"), workspace)).To(Succeed())
	return workspace
}

// change changes the workspace as a user would.
func (w *world) change(how func(*infrav1.WorkspaceTemplateApply)) {
	w.t.Helper()
	workspace := w.workspace()
	how(workspace)
	w.update(workspace)
}

// conditions are those of the workspace: status/reason by type.
func (w *world) conditions() map[string]string {
	w.t.Helper()
	all := map[string]string{}
	for _, condition := range w.workspace().Status.Conditions {
		all[condition.Type] = string(condition.Status) + "/" + condition.Reason
	}
	return all
}

// message is that of a condition.
func (w *world) message(condition string) string {
	w.t.Helper()
	for _, found := range w.workspace().Status.Conditions {
		if found.Type == condition {
			return found.Message
		}
	}
	return ""
}

func (w *world) secret(name string, data map[string]string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}, StringData: data}
}

// stored is the content of a Secret; nil if there is none.
func (w *world) stored(name string) map[string]string {
	w.t.Helper()
	secret := &corev1.Secret{}
	err := env.Client.Get(context.Background(), w.key(name), secret)
	if apierrors.IsNotFound(err) {
		return nil
	}
	w.Expect(err).NotTo(HaveOccurred())
	data := map[string]string{}
	for key, value := range secret.Data {
		data[key] = string(value)
	}
	return data
}

// inputs are those that the engine was last asked with.
func (w *world) inputs() *inputs.Inputs {
	w.t.Helper()
	w.Expect(w.engine.inputs).NotTo(BeNil())
	decoded, err := inputs.Decode(w.engine.inputs.Encoded)
	w.Expect(err).NotTo(HaveOccurred())
	return decoded
}

// upToDate has the engine say so, with outputs that are there.
func (w *world) upToDate(outputs string) {
	w.t.Helper()
	w.create(w.secret("w-outputs", map[string]string{"outputs.json": outputs}))
	w.engine.observation = engine.Observation{State: engine.UpToDate, Run: "w-1", Operation: infrav1.OperationApply, OutputsSecret: "w-outputs"}
}
