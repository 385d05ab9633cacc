package opentofu

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine"
	"github.com/captproject/capt/internal/inputs"
	"github.com/captproject/capt/internal/runner"
	"github.com/captproject/capt/internal/tfstate"
	"github.com/captproject/capt/test/envtest"
)

// world is an API server with the workspace `w` and an engine, and the test in
// the part of everything else: the executor and the runners.
type world struct {
	*WithT
	engine    *Engine
	workspace *infrav1.WorkspaceTemplateApply
	now       time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{WithT: NewWithT(t), now: noon}
	w.workspace = &infrav1.WorkspaceTemplateApply{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: env.Namespace(t), Name: "w", Labels: map[string]string{clusterv1.ClusterNameLabel: "c"},
		},
		Spec: infrav1.WorkspaceTemplateApplySpec{TemplateRef: infrav1.WorkspaceTemplateReference{Name: "t"}},
	}
	w.create(w.workspace)
	w.engine = &Engine{Client: envtest.WithoutFinalizers(env.Client), Live: env.Client, Now: func() time.Time { return w.now }}
	return w
}

// inputsOf are inputs that differ with their text.
func inputsOf(text string) engine.Inputs {
	return engine.Inputs{Encoded: []byte(text), Digest: inputs.Digest([]byte(text))}
}

func nameOf(text string) string { return inputsName("w", inputsOf(text).Digest) }

// observed leaves out what the caller of it does not care for: what was seen of
// earlier runs.
func observed(o engine.Observation) engine.Observation {
	o.Plan, o.LastApplied = nil, time.Time{}
	return o
}

func (w *world) apply(text string) engine.Observation {
	observation, err := w.engine.Apply(context.Background(), w.workspace, ptr.To(inputsOf(text)))
	w.Expect(err).NotTo(HaveOccurred())
	return observed(observation)
}

// destroy gives the engine no present inputs if text is "".
func (w *world) destroy(text string) engine.Observation {
	var present *engine.Inputs
	if text != "" {
		present = ptr.To(inputsOf(text))
	}
	observation, err := w.engine.Destroy(context.Background(), w.workspace, present)
	w.Expect(err).NotTo(HaveOccurred())
	return observed(observation)
}

func (w *world) release() engine.Observation {
	observation, err := w.engine.Release(context.Background(), w.workspace)
	w.Expect(err).NotTo(HaveOccurred())
	return observed(observation)
}

func (w *world) create(obj client.Object) {
	w.Expect(env.Client.Create(context.Background(), obj)).To(Succeed())
}

func (w *world) delete(obj client.Object) {
	w.Expect(env.Client.Delete(context.Background(), obj)).To(Succeed())
}

func (w *world) get(name string, into client.Object) {
	w.Expect(env.Client.Get(context.Background(), w.key(name), into)).To(Succeed())
}

func (w *world) has(name string, kind client.Object) bool {
	err := env.Client.Get(context.Background(), w.key(name), kind)
	if apierrors.IsNotFound(err) {
		return false
	}
	w.Expect(err).NotTo(HaveOccurred())
	return true
}

func (w *world) key(name string) client.ObjectKey {
	return client.ObjectKey{Namespace: w.workspace.Namespace, Name: name}
}

func (w *world) secret(name string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.workspace.Namespace, Name: name}}
}

func (w *world) run(name string) *infrav1.WorkspaceRun {
	run := &infrav1.WorkspaceRun{}
	w.get(name, run)
	return run
}

// names are those of all objects of a kind, sorted by the API server.
func (w *world) names(list client.ObjectList) []string {
	w.Expect(env.Client.List(context.Background(), list, client.InNamespace(w.workspace.Namespace))).To(Succeed())
	var names []string
	switch list := list.(type) {
	case *infrav1.WorkspaceRunList:
		for _, run := range list.Items {
			names = append(names, run.Name)
		}
	case *corev1.SecretList:
		for _, secret := range list.Items {
			names = append(names, secret.Name)
		}
	}
	return names
}

func (w *world) runs() []string    { return w.names(&infrav1.WorkspaceRunList{}) }
func (w *world) secrets() []string { return w.names(&corev1.SecretList{}) }

// end has a run end now.
func (w *world) end(name string, status infrav1.WorkspaceRunStatus) {
	run := w.run(name)
	run.Status = status
	run.Status.CompletionTime = metav1.NewTime(w.now)
	w.Expect(env.Client.Status().Update(context.Background(), run)).To(Succeed())
}

func (w *world) fail(name string, kind infrav1.FailureKind, reason string) {
	w.end(name, infrav1.WorkspaceRunStatus{Phase: infrav1.RunFailed, FailureKind: kind, Reason: reason, Message: "it broke"})
}

// succeed has a run end well; an apply leaves outputs.
func (w *world) succeed(name string) {
	w.end(name, infrav1.WorkspaceRunStatus{Phase: infrav1.RunSucceeded, Plan: infrav1.PlanSummary{Add: ptr.To[int32](1)}})
	run := w.run(name)
	if run.Spec.Operation != infrav1.OperationApply {
		return
	}
	outputs := &corev1.Secret{ObjectMeta: owned(w.workspace, runner.OutputsName("w"))}
	outputs.Annotations = map[string]string{
		infrav1.InputsDigestAnnotation: run.Spec.InputsRef.Digest, infrav1.ApplyRequestAnnotation: run.Spec.ApplyRequest,
	}
	if w.has(outputs.Name, &corev1.Secret{}) {
		w.Expect(env.Client.Update(context.Background(), outputs)).To(Succeed())
		return
	}
	w.create(outputs)
}

// Names of the state and its lock.
func (w *world) stateName() string {
	return tfstate.SecretName(tfstate.Suffix(w.workspace.Namespace, "w"))
}

func (w *world) leaseName() string {
	return tfstate.LeaseName(tfstate.Suffix(w.workspace.Namespace, "w"))
}

const (
	oneResource = `{"version":4,"resources":[{"mode":"managed","instances":[{}]}]}`
	noResource  = `{"version":4,"resources":[]}`
)

// keepState has the state hold text, and the lock be there.
func (w *world) keepState(text string) {
	suffix := tfstate.Suffix(w.workspace.Namespace, "w")
	secret := tfstate.NewSecret(w.workspace.Namespace, suffix, map[string]string{infrav1.WorkspaceLabel: "w"})
	w.Expect(tfstate.Encode(secret, []byte(text), tfstate.GroupA)).To(BeEmpty())
	if w.has(secret.Name, &corev1.Secret{}) {
		w.Expect(env.Client.Update(context.Background(), secret)).To(Succeed())
		return
	}
	w.create(secret)
	w.create(tfstate.NewLease(w.workspace.Namespace, suffix, nil))
}

// lock has holder hold the lock; "" frees it.
func (w *world) lock(holder string) {
	lease := &coordinationv1.Lease{}
	w.get(w.leaseName(), lease)
	lease.Spec.HolderIdentity = nil
	if holder != "" {
		lease.Spec.HolderIdentity = &holder
	}
	w.Expect(env.Client.Update(context.Background(), lease)).To(Succeed())
}

// running and failed are the observations that most tests expect.
func running(run string, operation infrav1.Operation) engine.Observation {
	return engine.Observation{State: engine.Running, Run: run, Operation: operation}
}

func failed(run string, operation infrav1.Operation, failure engine.Failure) engine.Observation {
	return engine.Observation{State: engine.Failed, Run: run, Operation: operation, Failure: &failure}
}

// withOutputs is an observation after a first success.
func withOutputs(o engine.Observation) engine.Observation {
	o.OutputsSecret = "w-outputs"
	return o
}
