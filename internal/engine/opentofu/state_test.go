package opentofu

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine"
	"github.com/captproject/capt/internal/runner"
	"github.com/captproject/capt/internal/tfstate"
)

// comesFrom has the outputs come from the state of a lineage.
func (w *world) comesFrom(lineage string) {
	outputs := w.secret("")
	w.get(runner.OutputsName("w"), outputs)
	outputs.Annotations[infrav1.StateLineageAnnotation] = lineage
	w.Expect(env.Client.Update(context.Background(), outputs)).To(Succeed())
}

func TestAMissingStateIsNotTakenForAnEmptyOne(t *testing.T) {
	for name, state := range map[string]string{"none": "", "another": `{"version":4,"lineage":"other","resources":[]}`} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.apply("A")
			w.succeed("w-1")
			w.comesFrom("l")
			if state != "" {
				w.keepState(state)
			}
			observation := w.destroy("A")
			w.Expect(observation.State).To(Equal(engine.Failed))
			w.Expect(observation.Failure.Reason).To(Equal(runner.ReasonStateMissing))
			w.Expect(observation.Failure.RetryAfter).To(Equal(30 * time.Second))
			w.Expect(w.runs()).To(Equal([]string{"w-1"}))
			// Somebody says that there is none.
			w.comesFrom("")
			w.Expect(w.destroy("A").State).To(Equal(engine.Running))
			w.Expect(w.destroy("A").State).To(Equal(engine.Gone))
		})
	}
}

// keepPart has a part or version of the state be there.
func (w *world) keepPart(name string) {
	secret := w.secret(name)
	secret.Labels = map[string]string{infrav1.WorkspaceLabel: "w"}
	secret.Finalizers = []string{tfstate.Finalizer}
	secret.Data = map[string][]byte{tfstate.PartKey: []byte("x")}
	w.create(secret)
}

func TestAllOfAStateIsDeleted(t *testing.T) {
	w := newWorld(t)
	w.keepState(noResource)
	suffix := tfstate.Suffix(w.workspace.Namespace, "w")
	w.keepPart(tfstate.PartNames(w.stateName(), tfstate.GroupB)[0])
	w.keepPart(tfstate.VersionName(suffix, 2))
	w.keepPart("neighbour")
	w.Expect(w.destroy("A")).To(Equal(engine.Observation{State: engine.Gone}))
	w.Expect(w.secrets()).To(Equal([]string{"neighbour"}))
}

func TestAStateThatIsLetGoCanBeDeletedByAPerson(t *testing.T) {
	w := newWorld(t)
	w.keepState(oneResource)
	part := tfstate.PartNames(w.stateName(), tfstate.GroupA)[0]
	w.keepPart(part)
	w.Expect(w.release().State).To(Equal(engine.Gone))
	w.delete(w.secret(part))
	w.delete(w.secret(w.stateName()))
	w.Expect(w.secrets()).To(BeEmpty())
}

// Nobody would notice that it is gone.
func TestAStateThatIsBeingDeletedIsNotLetGo(t *testing.T) {
	for name, deleted := range map[string]func(*world) string{
		"the state": (*world).stateName,
		"a part":    func(w *world) string { return tfstate.PartNames(w.stateName(), tfstate.GroupA)[0] },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.keepState(oneResource)
			w.keepPart(tfstate.PartNames(w.stateName(), tfstate.GroupA)[0])
			secret := w.secret(deleted(w))
			w.delete(secret)
			observation := w.release()
			w.Expect(observation.Failure).NotTo(BeNil())
			w.Expect(observation.Failure.Reason).To(Equal(ReasonStateBeingDeleted))
			w.Expect(observation.Failure.Message).To(ContainSubstring("Secret " + secret.Name))
			w.Expect(observation.Failure.RetryAfter).To(Equal(30 * time.Second))
			w.Expect(w.has(secret.Name, &corev1.Secret{})).To(BeTrue())

			// A person has seen to it.
			w.get(secret.Name, secret)
			secret.Finalizers = nil
			w.Expect(env.Client.Update(t.Context(), secret)).To(Succeed())
			w.Expect(w.release().State).To(Equal(engine.Gone))
		})
	}
}

func TestWhatIsDeletedAndHoldsNoStateIsLetGo(t *testing.T) {
	for name, keep := range map[string]func(*world){
		"an empty state": func(w *world) { w.keepState(noResource) },
		"a state in another backend": func(w *world) {
			secret := tfstate.NewSecret(w.workspace.Namespace, tfstate.Suffix(w.workspace.Namespace, "w"), nil)
			tfstate.SetElsewhere(secret, tfstate.ElsewhereKept)
			w.create(secret)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			keep(w)
			w.delete(w.secret(w.stateName()))
			w.Expect(w.release().State).To(Equal(engine.Gone))
			w.Expect(w.secrets()).To(BeEmpty())
		})
	}
}

func TestAStateThatAnotherBackendKeeps(t *testing.T) {
	w := newWorld(t)
	w.apply("A")
	w.succeed("w-1")
	w.comesFrom("l")
	secret := tfstate.NewSecret(w.workspace.Namespace, tfstate.Suffix(w.workspace.Namespace, "w"), nil)
	tfstate.SetElsewhere(secret, tfstate.ElsewhereKept)
	w.create(secret)
	w.Expect(w.destroy("A")).To(Equal(running("w-2", destroying)))
	w.succeed("w-2")
	tfstate.SetElsewhere(secret, tfstate.ElsewhereEmpty)
	w.Expect(env.Client.Update(context.Background(), secret)).To(Succeed())
	w.Expect(w.destroy("A").State).To(Equal(engine.Running))
	w.Expect(w.destroy("A").State).To(Equal(engine.Gone))
}
