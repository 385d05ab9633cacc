package phase_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/cluster-api/util/conditions"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/phase"
)

const finalizer = "example.com/finalizer"

// written is a WorkspaceRun that is there, and how it comes to be written.
type written struct {
	*WithT
	t   *testing.T
	run *infrav1.WorkspaceRun
}

func newWritten(t *testing.T) *written {
	t.Helper()
	w := &written{WithT: NewWithT(t), t: t, run: &infrav1.WorkspaceRun{
		ObjectMeta: metav1.ObjectMeta{Namespace: env.Namespace(t), Name: "r", Finalizers: []string{finalizer}},
		Spec:       infrav1.WorkspaceRunSpec{ApplyName: "w", Operation: infrav1.OperationApply, Attempt: 1, InputsRef: infrav1.InputsReference{Name: "i", Digest: strings.Repeat("0", 64)}},
	}}
	w.Expect(env.Client.Create(t.Context(), w.run)).To(Succeed())
	t.Cleanup(func() {
		w.run.Finalizers = nil
		_ = client.IgnoreNotFound(env.Client.Update(t.Context(), w.run))
	})
	return w
}

func (w *written) writer() *phase.Writer {
	writer, err := phase.NewWriter(env.Client, w.run)
	w.Expect(err).NotTo(HaveOccurred())
	return writer
}

// stored is the run as the API server has it.
func (w *written) stored() *infrav1.WorkspaceRun {
	run := &infrav1.WorkspaceRun{}
	w.Expect(env.Client.Get(w.t.Context(), client.ObjectKeyFromObject(w.run), run)).To(Succeed())
	return run
}

func succeed(run *infrav1.WorkspaceRun) {
	run.Status.Phase = infrav1.RunSucceeded
	conditions.Set(run, metav1.Condition{Type: infrav1.SucceededCondition, Status: metav1.ConditionTrue, Reason: "Succeeded"})
}

func TestConditionsAndWhatTheySpeakOfAreWrittenAtOnce(t *testing.T) {
	w := newWritten(t)
	direct, err := client.NewWithWatch(env.Config, client.Options{Scheme: env.Scheme})
	w.Expect(err).NotTo(HaveOccurred())
	versions, err := direct.Watch(t.Context(), &infrav1.WorkspaceRunList{}, client.InNamespace(w.run.Namespace),
		&client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: w.run.ResourceVersion}})
	w.Expect(err).NotTo(HaveOccurred())
	defer versions.Stop()

	writer := w.writer()
	metav1.SetMetaDataAnnotation(&w.run.ObjectMeta, "example.com/note", "x")
	succeed(w.run)
	result, err := phase.Finish(t.Context(), reporter(nil), writer, w.run, ctrl.Result{RequeueAfter: time.Hour}, nil)
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(result.RequeueAfter).To(Equal(time.Hour))

	next := func() *infrav1.WorkspaceRun {
		var event watch.Event
		w.Eventually(versions.ResultChan(), "10s").Should(Receive(&event))
		return event.Object.(*infrav1.WorkspaceRun)
	}
	first, second := next(), next()
	w.Expect(first.Annotations).To(HaveKey("example.com/note"))
	w.Expect(first.Status.Conditions).To(BeEmpty())
	w.Expect(conditions.IsTrue(second, infrav1.SucceededCondition)).To(BeTrue())
	w.Expect(second.Status.Phase).To(Equal(infrav1.RunSucceeded))
	w.Expect(second.ResourceVersion).To(Equal(w.stored().ResourceVersion))
}

// idle is a client that panics when it is to read or write.
type idle struct{ client.Client }

func (idle) Scheme() *runtime.Scheme { return env.Scheme }

func TestNothingIsWrittenWhenNothingHasChanged(t *testing.T) {
	w := newWritten(t)
	succeed(w.run)
	w.Expect(env.Client.Status().Update(t.Context(), w.run)).To(Succeed())
	writer, err := phase.NewWriter(idle{}, w.run)
	w.Expect(err).NotTo(HaveOccurred())
	// As a reconcile does that finds all as before.
	succeed(w.run)
	w.Expect(writer.Write(t.Context(), w.run)).To(Succeed())
}

func TestNothingIsWrittenOverWhatHasNotBeenSeen(t *testing.T) {
	for name, change := range map[string]func(*infrav1.WorkspaceRun){
		"status": succeed,
		"metadata": func(run *infrav1.WorkspaceRun) {
			metav1.SetMetaDataAnnotation(&run.ObjectMeta, "example.com/note", "x")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWritten(t)
			writer := w.writer()
			other := w.stored()
			conditions.Set(other, metav1.Condition{Type: "Other", Status: metav1.ConditionTrue, Reason: "Other"})
			w.Expect(env.Client.Status().Update(t.Context(), other)).To(Succeed())

			change(w.run)
			w.Expect(apierrors.IsConflict(writer.Write(t.Context(), w.run))).To(BeTrue())
			told := phase.NewReporter("test", events.NewFakeRecorder(1))
			finish := func(asked time.Duration) time.Duration {
				failed := errors.New("of the phases")
				result, err := phase.Finish(t.Context(), told, writer, w.run, ctrl.Result{RequeueAfter: asked}, failed)
				w.Expect(err).To(MatchError(failed))
				return result.RequeueAfter
			}
			w.Expect(finish(0)).To(Equal(100 * time.Millisecond))
			w.Expect(finish(time.Hour)).To(Equal(200*time.Millisecond), "in a row")
			w.Expect(finish(time.Millisecond)).To(Equal(time.Millisecond), "whoever wants it sooner")
			w.Expect(w.stored()).To(Equal(other))
			stale, of := writer, w.run
			w.run = w.stored()
			writer = w.writer()
			w.Expect(finish(0)).To(BeZero())
			writer, w.run = stale, of
			w.Expect(finish(0)).To(Equal(100*time.Millisecond), "the first after a success")
			w.run = other
		})
	}
}

// strict refuses every change of metadata and spec, as an admission may.
type strict struct{ client.Client }

func (strict) Patch(context.Context, client.Object, client.Patch, ...client.PatchOption) error {
	return apierrors.NewForbidden(schema.GroupResource{Resource: "workspaceruns"}, "r", errBroken)
}

func TestAStatusIsToldThoughAnAdmissionRefusesTheRest(t *testing.T) {
	w := newWritten(t)
	writer, err := phase.NewWriter(strict{env.Client}, w.run)
	w.Expect(err).NotTo(HaveOccurred())
	metav1.SetMetaDataAnnotation(&w.run.ObjectMeta, "example.com/note", "x")
	succeed(w.run)
	w.Expect(writer.Write(t.Context(), w.run)).To(MatchError(And(ContainSubstring("writing the metadata and spec"), ContainSubstring("forbidden"))))
	w.Expect(conditions.IsTrue(w.stored(), infrav1.SucceededCondition)).To(BeTrue())
	w.run = w.stored()
}

func TestTheLastFinalizerIsTheLastWrite(t *testing.T) {
	w := newWritten(t)
	w.Expect(env.Client.Delete(t.Context(), w.run)).To(Succeed())
	w.run = w.stored()
	writer := w.writer()
	controllerutil.RemoveFinalizer(w.run, finalizer)
	succeed(w.run)
	w.Expect(writer.Write(t.Context(), w.run)).To(Succeed())
	gone := &infrav1.WorkspaceRun{}
	w.Expect(apierrors.IsNotFound(env.Client.Get(t.Context(), client.ObjectKeyFromObject(w.run), gone))).To(BeTrue())
	// Once more from a cache that has not seen it.
	w.Expect(writer.Write(t.Context(), w.run)).To(Succeed())
}
