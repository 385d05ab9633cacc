package workspace

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine"
)

func TestWhatTheEngineSaysIsShown(t *testing.T) {
	tests := map[string]struct {
		observation engine.Observation
		err         error
		conditions  map[string]string
		result      ctrl.Result
	}{
		"a first run is under way": {
			observation: engine.Observation{State: engine.Running, Run: "w-1", Operation: infrav1.OperationApply},
			conditions:  map[string]string{"Applied": "False/Applying", "OutputsStored": "False/NoOutputs"},
		},
		"a later run is under way": {
			observation: engine.Observation{State: engine.Running, Run: "w-2", Operation: infrav1.OperationApply, OutputsSecret: "w-outputs"},
			conditions:  map[string]string{"Applied": "False/Applying", "OutputsStored": "True/OutputsStored"},
		},
		"a run that wants nothing new is under way": {
			observation: engine.Observation{State: engine.Running, Refreshing: true, Run: "w-2", Operation: infrav1.OperationApply, OutputsSecret: "w-outputs"},
			conditions:  map[string]string{"Applied": "True/Refreshing", "OutputsStored": "True/OutputsStored", "Ready": "True/Ready"},
		},
		"up to date": {
			observation: engine.Observation{State: engine.UpToDate, Run: "w-1", OutputsSecret: "w-outputs"},
			conditions:  map[string]string{"Applied": "True/Applied", "OutputsStored": "True/OutputsStored", "Ready": "True/Ready"},
		},
		"failed, tried again": {
			observation: engine.Observation{State: engine.Failed, Run: "w-2", OutputsSecret: "w-outputs",
				Failure: &engine.Failure{Reason: "ApplyFailed", Message: "it broke", RetryAfter: time.Minute}},
			conditions: map[string]string{"Applied": "False/ApplyFailed", "OutputsStored": "True/OutputsStored"},
			result:     ctrl.Result{RequeueAfter: time.Minute},
		},
		"failed for good": {
			observation: engine.Observation{State: engine.Failed, Run: "w-1", Failure: &engine.Failure{Reason: "ModuleInvalid", Message: "it broke"}},
			conditions:  map[string]string{"Applied": "False/ModuleInvalid", "OutputsStored": "False/NoOutputs"},
		},
		"a plan is to be approved": {
			observation: engine.Observation{State: engine.AwaitingApproval, Run: "w-2", OutputsSecret: "w-outputs"},
			conditions:  map[string]string{"Applied": "False/AwaitingApproval", "OutputsStored": "True/OutputsStored"},
		},
		"suspended": {
			observation: engine.Observation{State: engine.Suspended, Run: "w-1", OutputsSecret: "w-outputs"},
			conditions:  map[string]string{"Applied": "False/Suspended", "OutputsStored": "True/OutputsStored"},
		},
		"suspended, and as it is wanted": {
			observation: engine.Observation{State: engine.Suspended, Run: "w-1", OutputsSecret: "w-outputs", Refreshing: true},
			conditions:  map[string]string{"Applied": "True/Suspended", "OutputsStored": "True/OutputsStored", "Ready": "True/Ready"},
		},
		"not asked": {
			err:        errors.New("the API server refuses"),
			conditions: map[string]string{"Applied": "False/EngineFailed", "OutputsStored": "Unknown/NotReached"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.template(nil)
			w.create(w.secret("w-outputs", map[string]string{"outputs.json": "{}"}))
			w.engine.observation, w.engine.nextErr = tt.observation, tt.err
			result, err := w.tryReconcile()
			if tt.err != nil {
				w.Expect(err).To(MatchError(tt.err))
			} else {
				w.Expect(err).NotTo(HaveOccurred())
			}
			w.Expect(result).To(Equal(tt.result))
			tt.conditions["InputsResolved"] = "True/InputsResolved"
			tt.conditions["Paused"] = "False/NotPaused"
			tt.conditions["Deleting"] = "False/NotDeleting"
			tt.conditions["Drifted"] = "Unknown/NotChecked"
			if tt.err != nil {
				tt.conditions["Drifted"] = "Unknown/NotReached"
			}
			if _, ready := tt.conditions["Ready"]; !ready {
				tt.conditions["Ready"] = "False/NotReady"
			}
			w.Expect(w.conditions()).To(Equal(tt.conditions))
			status := w.workspace().Status
			w.Expect(status.ObservedGeneration).To(Equal(w.workspace().Generation))
			w.Expect(status.LastRun).To(Equal(tt.observation.Run))
			w.Expect(status.OutputsSecretName).To(Equal(tt.observation.OutputsSecret))
			w.Expect(status.InputsDigest).To(Equal(w.engine.inputs.Digest))
		})
	}
}

func TestWhatIsKnownOfRunsIsKept(t *testing.T) {
	w := newWorld(t, nil)
	w.template(nil)
	w.upToDate("{}")
	applied := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	w.engine.observation.LastApplied = applied
	w.engine.observation.Plan = &infrav1.PlanSummary{Add: ptr.To[int32](2)}
	w.engine.observation.HandledRequest = "now"
	w.reconcile()
	// A later run that has not said anything takes nothing away.
	w.engine.observation = engine.Observation{State: engine.Running, Run: "w-2"}
	w.reconcile()
	status := w.workspace().Status
	w.Expect(status.LastRun).To(Equal("w-2"))
	w.Expect(status.OutputsSecretName).To(Equal("w-outputs"))
	w.Expect(status.LastAppliedTime.UTC()).To(Equal(applied))
	w.Expect(status.Plan.Add).To(Equal(ptr.To[int32](2)))
	w.Expect(status.LastHandledApplyRequest).To(Equal("now"))
}

func TestNothingIsWrittenAtRest(t *testing.T) {
	w := newWorld(t, func(workspace *infrav1.WorkspaceTemplateApply) {
		workspace.Spec.WriteConnectionSecretToRef = &infrav1.LocalReference{Name: "connection"}
	})
	w.template(nil)
	w.upToDate(`{"a":{"sensitive":false,"type":"string","value":"<&>"}}`)
	w.reconcile()
	var writes []string
	w.reconciler.Client = noting(t, &writes)
	for range 2 {
		w.Expect(w.reconcile()).To(BeZero())
	}
	w.Expect(writes).To(BeEmpty())
	w.change(func(workspace *infrav1.WorkspaceTemplateApply) {
		workspace.Spec.Variables = map[string]string{"a": "b"}
	})
	w.reconcile()
	w.Expect(writes).NotTo(BeEmpty(), "the writes are seen")
}

// noting is a client whose writes are noted.
func noting(t *testing.T, writes *[]string) client.Client {
	t.Helper()
	direct, err := client.NewWithWatch(env.Config, client.Options{Scheme: env.Scheme})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	note := func(verb string, obj client.Object) { *writes = append(*writes, verb+" "+obj.GetName()) }
	return interceptor.NewClient(direct, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			note("create", obj)
			return c.Create(ctx, obj, opts...)
		},
		Update: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
			note("update", obj)
			return c.Update(ctx, obj, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
			note("patch", obj)
			return c.Patch(ctx, obj, patch, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.DeleteOption) error {
			note("delete", obj)
			return c.Delete(ctx, obj, opts...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
			note("patch "+sub, obj)
			return c.SubResource(sub).Patch(ctx, obj, patch, opts...)
		},
	})
}

func TestWhatIsPausedIsLeftAlone(t *testing.T) {
	w := newWorld(t, func(workspace *infrav1.WorkspaceTemplateApply) {
		workspace.Annotations = map[string]string{clusterv1.PausedAnnotation: ""}
	})
	w.template(nil)
	for range 2 { // tells that it is paused, which wakes us
		w.reconcile()
	}
	w.Expect(w.engine.questions()).To(BeEmpty())
	w.Expect(w.conditions()).To(Equal(map[string]string{"Paused": "True/Paused"}))

	w.change(func(workspace *infrav1.WorkspaceTemplateApply) { workspace.Annotations = nil })
	for range 3 { // tells that it goes on and is not to be moved, which wakes us
		w.reconcile()
	}
	w.Expect(w.engine.questions()).To(Equal([]string{"apply"}))
}

func TestDeletion(t *testing.T) {
	w := newWorld(t, func(workspace *infrav1.WorkspaceTemplateApply) {
		workspace.Spec.WriteConnectionSecretToRef = &infrav1.LocalReference{Name: "connection"}
	})
	w.template(nil)
	w.upToDate("{}")
	w.reconcile()
	w.Expect(w.stored("connection")).NotTo(BeNil())
	digest := w.engine.inputs.Digest
	w.delete(w.workspace())
	w.engine.questions()

	w.engine.observation = engine.Observation{State: engine.Running, Run: "w-2", Operation: infrav1.OperationDestroy}
	w.Expect(w.reconcile()).To(BeZero())
	w.Expect(w.conditions()).To(HaveKeyWithValue("Applied", "False/Destroying"))
	w.Expect(w.engine.inputs.Digest).To(Equal(digest))
	w.Expect(w.stored("connection")).To(BeNil())

	w.engine.observation = engine.Observation{State: engine.Failed, Run: "w-2", Failure: &engine.Failure{Reason: "DestroyFailed", Message: "it broke", RetryAfter: time.Minute}}
	w.Expect(w.reconcile()).To(Equal(ctrl.Result{RequeueAfter: time.Minute}))
	w.Expect(w.conditions()).To(HaveKeyWithValue("Applied", "False/DestroyFailed"))

	w.engine.nextErr = errors.New("refused")
	_, err := w.tryReconcile()
	w.Expect(err).To(MatchError(ContainSubstring("refused")))

	w.engine.observation = engine.Observation{State: engine.Gone}
	w.reconcile()
	w.Expect(client.IgnoreNotFound(env.Client.Get(t.Context(), w.key("w"), &infrav1.WorkspaceTemplateApply{}))).To(Succeed())
	w.Expect(w.engine.questions()).To(HaveEach("destroy"))
	w.Expect(w.reconcile()).To(BeZero())
	w.Expect(w.engine.questions()).To(BeEmpty(), "it is gone")
}

func TestDeletionDoesWithoutTheTemplate(t *testing.T) {
	w := newWorld(t, nil)
	template := w.template(func(spec *infrav1.WorkspaceTemplateSpec) {
		spec.WriteConnectionSecretToRef = &infrav1.LocalReference{Name: "connection"}
	})
	w.upToDate("{}")
	w.reconcile()
	w.delete(template)
	w.delete(w.workspace())
	w.engine.observation = engine.Observation{State: engine.Gone}
	w.engine.questions()
	w.reconcile()
	w.Expect(w.engine.questions()).To(Equal([]string{"destroy"}))
	w.Expect(w.engine.inputs).To(BeNil())
	w.Expect(w.stored("connection")).To(BeNil(), "its name was the template's")
}

func TestDeletionDoesNotWaitForOthers(t *testing.T) {
	w := newWorld(t, func(workspace *infrav1.WorkspaceTemplateApply) {
		workspace.Spec.WaitForSecrets = []infrav1.LocalReference{{Name: "none"}}
		workspace.Spec.VariablesFrom = []infrav1.VariablesSource{{ApplyRef: "none"}}
	})
	w.template(nil)
	w.delete(w.workspace())
	w.engine.observation = engine.Observation{State: engine.Running, Run: "w-2"}
	_, _ = w.tryReconcile()
	w.Expect(w.engine.questions()).To(Equal([]string{"destroy"}))
}

func TestInfrastructureThatIsKept(t *testing.T) {
	orphan := func(spec *infrav1.WorkspaceTemplateSpec) { spec.Template.Spec.DeletionPolicy = infrav1.DeletionOrphan }
	tests := map[string]struct {
		workspace func(*infrav1.WorkspaceTemplateApply)
		template  func(*infrav1.WorkspaceTemplateSpec)
		then      func(*world, *infrav1.WorkspaceTemplate)
		asked     string
	}{
		"by default none": {asked: "destroy"},
		"the workspace's word": {
			workspace: func(workspace *infrav1.WorkspaceTemplateApply) { workspace.Spec.RetainWorkspaceOnDelete = ptr.To(true) }, asked: "release"},
		"the template's word": {template: orphan, asked: "release"},
		"the template's word, after it is gone": {
			template: orphan, asked: "release", then: func(w *world, template *infrav1.WorkspaceTemplate) { w.delete(template) }},
		"the template changed its mind": {
			template: orphan, asked: "destroy", then: func(w *world, template *infrav1.WorkspaceTemplate) {
				template.Spec.Template.Spec.DeletionPolicy = infrav1.DeletionDelete
				w.update(template)
			}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tt.workspace)
			template := w.template(tt.template)
			w.engine.observation = engine.Observation{State: engine.Running}
			w.reconcile()
			w.engine.questions()
			if tt.then != nil {
				tt.then(w, template)
			}
			w.delete(w.workspace())
			w.engine.observation = engine.Observation{State: engine.Gone}
			w.reconcile()
			w.Expect(w.engine.questions()).To(Equal([]string{tt.asked}))
			gone := env.Client.Get(t.Context(), w.key("w"), &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{
				APIVersion: infrav1.GroupVersion.String(), Kind: "WorkspaceTemplateApply"}})
			w.Expect(gone).To(MatchError(ContainSubstring("not found")))
		})
	}
}

func TestAPersonLetsGoOfWhatCannotBeDestroyed(t *testing.T) {
	w := newWorld(t, nil)
	recorder := events.NewFakeRecorder(10)
	w.reconciler.Reporter.Recorder = recorder
	w.delete(w.workspace())
	w.engine.observation = engine.Observation{
		State: engine.Failed, Run: "w-2", Operation: infrav1.OperationDestroy,
		Failure: &engine.Failure{Reason: "DestroyFailed", Message: "it is held by another"},
	}
	w.reconcile()
	w.Expect(w.conditions()).To(And(HaveKeyWithValue("Applied", "False/DestroyFailed"), HaveKeyWithValue("Deleting", "True/Deleting")))
	w.Expect(w.message("Deleting")).To(Equal("it is held by another"), "not that its template is gone")

	w.change(func(workspace *infrav1.WorkspaceTemplateApply) { workspace.Spec.RetainWorkspaceOnDelete = ptr.To(true) })
	w.engine.observation = engine.Observation{State: engine.Gone}
	w.engine.questions()
	w.reconcile()
	w.Expect(w.engine.questions()).To(Equal([]string{"release"}), "no destroy is tried any more")
	w.Expect(apierrors.IsNotFound(env.Client.Get(t.Context(), w.key("w"), &infrav1.WorkspaceTemplateApply{}))).To(BeTrue())
	close(recorder.Events)
	var told []string
	for event := range recorder.Events {
		told = append(told, event)
	}
	w.Expect(told).To(ContainElement(HavePrefix("Warning InfrastructureRetained the infrastructure of WorkspaceTemplateApply w, if any is left, stays")), "an event outlives the object")
}

func TestWhatAnotherInstanceWatchesIsLeftAlone(t *testing.T) {
	w := newWorld(t, nil)
	w.template(nil)
	w.reconciler.WatchFilter = "a"
	before := w.workspace().ResourceVersion
	w.reconcile()
	w.Expect(w.workspace().ResourceVersion).To(Equal(before))
	w.Expect(w.engine.questions()).To(BeEmpty())
	w.change(func(workspace *infrav1.WorkspaceTemplateApply) { workspace.Labels[clusterv1.WatchLabel] = "a" })
	w.engine.observation = engine.Observation{State: engine.Running}
	w.reconcile()
	w.Expect(w.engine.questions()).To(Equal([]string{"apply"}))
}

func TestADestroyThatHasBegunIsNotCutShort(t *testing.T) {
	w := newWorld(t, nil)
	w.delete(w.workspace())
	w.engine.observation = engine.Observation{State: engine.Running, Run: "w-2", Operation: infrav1.OperationDestroy, NotBegun: "Queued"}
	w.reconcile()
	w.Expect(w.message("Applied")).To(Equal("run w-2 (Destroy) has not begun: Queued"))
	w.Expect(w.engine.questions()).To(Equal([]string{"destroy"}))

	w.change(func(workspace *infrav1.WorkspaceTemplateApply) { workspace.Spec.RetainWorkspaceOnDelete = ptr.To(true) })
	w.engine.observation.NotBegun = ""
	w.reconcile()
	w.Expect(w.message("Applied")).To(Equal("run w-2 (Destroy) is under way; it had begun before the infrastructure was to be retained, and is not cut short"))
	w.Expect(w.engine.questions()).To(Equal([]string{"release"}))
}

func TestWhatIsRetainedIsNotSaidToBeDestroyed(t *testing.T) {
	w := newWorld(t, func(workspace *infrav1.WorkspaceTemplateApply) { workspace.Spec.RetainWorkspaceOnDelete = ptr.To(true) })
	w.delete(w.workspace())
	w.engine.observation = engine.Observation{State: engine.Running, Run: "w-2", Operation: infrav1.OperationApply}
	w.reconcile()
	w.Expect(w.message("Applied")).To(Equal("run w-2 (Apply) is under way; the infrastructure is retained"))
	w.engine.observation = engine.Observation{State: engine.Running}
	w.reconcile()
	w.Expect(w.message("Applied")).To(Equal("what is kept of its runs is being deleted; the infrastructure is retained"))
	w.Expect(w.workspace().Status.LastRun).To(Equal("w-2"))
}

func TestAPersonIsToldWhatToApprove(t *testing.T) {
	w := newWorld(t, nil)
	w.template(nil)
	w.engine.observation = engine.Observation{
		State: engine.AwaitingApproval, Run: "w-2", PlanText: "Secret s, key k",
		Plan: &infrav1.PlanSummary{Digest: strings.Repeat("d", 64), Add: ptr.To[int32](1), Replace: ptr.To[int32](2)},
	}
	w.reconcile()
	w.Expect(w.message("Applied")).To(Equal("the plan of run w-2 (1 to add, 0 to change, 0 to destroy, 2 to replace) has to be approved, " +
		"because it removes what a run was making when it was interrupted, which may be whole; " +
		"read it in Secret s, key k, and set spec.approval.approvedPlan to " + strings.Repeat("d", 64)))
	w.Expect(w.workspace().Status.Plan.Digest).To(HaveLen(64))

	w.change(func(workspace *infrav1.WorkspaceTemplateApply) {
		workspace.Spec.Approval.Policy = infrav1.ApprovalManual
	})
	w.reconcile()
	w.Expect(w.message("Applied")).To(ContainSubstring("2 to replace) has to be approved; read it"))
}

func TestADeletionWaitsWhileSuspended(t *testing.T) {
	w := newWorld(t, nil)
	w.delete(w.workspace())
	w.engine.observation = engine.Observation{State: engine.Suspended}
	w.reconcile()
	w.Expect(w.conditions()).To(HaveKeyWithValue("Applied", "False/Suspended"))
}
