package runner

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/hack/tools/toolbox"
	"github.com/captproject/capt/internal/tfstate"
)

// says are the inputs of a module whose state holds a text.
func says(text string) string {
	return fmt.Sprintf(`resource "terraform_data" "a" { input = %q }`, text)
}

// kubectl runs a command of docs/engine.md.
func (w *workspace) kubectl(args ...string) {
	w.t.Helper()
	programs, err := toolbox.Ensure(context.Background(), os.Stderr, toolbox.Kubectl)
	w.Expect(err).NotTo(HaveOccurred())
	kubeconfig := filepath.Join(w.t.TempDir(), "kubeconfig")
	w.Expect(os.WriteFile(kubeconfig, env.Kubeconfig, 0o600)).To(Succeed())
	args = append([]string{"--kubeconfig", kubeconfig, "--namespace", w.Namespace}, args...)
	said, err := exec.Command(programs.Path(toolbox.Kubectl), args...).CombinedOutput()
	w.Expect(err).NotTo(HaveOccurred(), string(said))
}

// annotate sets an annotation of a Secret, "" removes it.
func (w *workspace) annotate(name, key, value string) {
	w.t.Helper()
	argument := key + "=" + value
	if value == "" {
		argument = key + "-"
	}
	w.kubectl("annotate", "--overwrite", "secret", name, argument)
}

func (w *workspace) stateName() string { return tfstate.SecretName(w.suffix()) }

// loseState deletes the state's Secret in spite of its finalizer.
func (w *workspace) loseState() {
	w.t.Helper()
	secret := w.secret(w.stateName())
	secret.Finalizers = nil
	w.Expect(env.Client.Update(context.Background(), secret)).To(Succeed())
	w.Expect(env.Client.Delete(context.Background(), secret)).To(Succeed())
}

func TestVersionsAreKeptAndRestored(t *testing.T) {
	w := newWorkspace(t)
	ctx := context.Background()
	for i := range tfstate.KeptVersions + 2 {
		w.setInputs(inline(says(fmt.Sprintf("text %d", i+1))))
		w.Expect(w.run(ctx, fmt.Sprintf("w-%d", i+1), infrav1.OperationApply).Phase).To(Equal(infrav1.RunSucceeded))
	}
	// The first version was overwritten by the last run, w-7: 6 is kept as 1.
	version := func(n int) *corev1.Secret { return w.secret(tfstate.VersionName(w.suffix(), n)) }
	w.Expect(version(1).Annotations).To(HaveKeyWithValue("infrastructure.cluster.x-k8s.io/replaced-by", "w-7"))
	w.Expect(version(2).Annotations).To(HaveKeyWithValue("infrastructure.cluster.x-k8s.io/replaced-by", "w-3"))
	old, err := tfstate.Decode(version(2))
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(string(old)).To(ContainSubstring("text 2"))
	w.Expect(version(2).Labels).To(And(HaveKey(infrav1.WorkspaceLabel), Not(HaveKey("tfstate"))))

	// Nothing changes: nothing is kept.
	w.Expect(w.run(ctx, "w-8", infrav1.OperationApply).Phase).To(Equal(infrav1.RunSucceeded))
	w.Expect(version(2).Annotations).To(HaveKeyWithValue("infrastructure.cluster.x-k8s.io/replaced-by", "w-3"))

	w.annotate(w.stateName(), infrav1.RestoreStateAnnotation, "4")
	restored := w.run(ctx, "w-9", infrav1.OperationApply)
	w.Expect(restored.Phase).To(Equal(infrav1.RunSucceeded), restored.Message)
	w.Expect(counted(restored)).To(Equal(counts(0, 1, 0, 0)), "it plans from the old state")
	w.Expect(string(w.state())).To(ContainSubstring("text 7"))
	w.Expect(w.secret(w.stateName()).Annotations).NotTo(HaveKey(infrav1.RestoreStateAnnotation), "once is enough")
	replaced, err := tfstate.Decode(version(2))
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(string(replaced)).To(ContainSubstring("text 7"), "what was there before the restore is kept")
}

func TestVersionsThatCannotBeRestored(t *testing.T) {
	w := newWorkspace(t)
	w.Expect(w.apply(inline(says("x"))).Phase).To(Equal(infrav1.RunSucceeded))
	for i, version := range []string{"1", "0", "6", "latest"} {
		w.annotate(w.stateName(), infrav1.RestoreStateAnnotation, version)
		result := w.run(context.Background(), fmt.Sprintf("w-%d", i+2), infrav1.OperationApply)
		w.Expect(result.Reason).To(Equal(ReasonStateNotRestored))
		w.Expect(result.Kind).To(Equal(infrav1.FailureConfiguration))
		w.Expect(result.Plan).To(BeNil())
	}
}

func TestAStateIsNotDeletedByMistake(t *testing.T) {
	w := newWorkspace(t)
	w.Expect(w.apply(inline(says("x"))).Phase).To(Equal(infrav1.RunSucceeded))
	w.Expect(env.Client.Delete(context.Background(), w.secret(w.stateName()))).To(Succeed())
	w.setInputs(inline(says("y")))
	result := w.run(context.Background(), "w-2", infrav1.OperationApply)
	w.Expect(result.Phase).To(Equal(infrav1.RunSucceeded), result.Message)
	w.Expect(counted(result)).To(Equal(counts(0, 1, 0, 0)))
}

// A state that is missing is no empty one.
func TestAMissingState(t *testing.T) {
	for name, lose := range map[string]func(*workspace){
		"gone": (*workspace).loseState,
		"emptied": func(w *workspace) {
			secret := w.secret(w.stateName())
			secret.Data = nil
			w.Expect(env.Client.Update(context.Background(), secret)).To(Succeed())
		},
		"another one": func(w *workspace) {
			secret := w.secret(w.stateName())
			_, err := tfstate.Encode(secret, []byte(`{"version":4,"serial":1,"lineage":"other"}`), tfstate.GroupA)
			w.Expect(err).NotTo(HaveOccurred())
			w.Expect(env.Client.Update(context.Background(), secret)).To(Succeed())
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorkspace(t)
			w.Expect(w.apply(inline(says("one") + "\noutput \"o\" { value = 1 }")).Phase).To(Equal(infrav1.RunSucceeded))
			w.setInputs(inline(says("two") + "\noutput \"o\" { value = 1 }"))
			ctx := context.Background()
			w.Expect(w.run(ctx, "w-2", infrav1.OperationApply).Phase).To(Equal(infrav1.RunSucceeded))
			lose(w)
			for i, operation := range []infrav1.Operation{infrav1.OperationApply, infrav1.OperationDestroy} {
				result := w.run(ctx, fmt.Sprintf("w-%d", i+3), operation)
				w.Expect(result.Reason).To(Equal(ReasonStateMissing))
				w.Expect(result.Kind).To(Equal(infrav1.FailureConfiguration))
				w.Expect(result.Plan).To(BeNil())
			}
		})
	}
}

func TestTheWaysOutOfAMissingState(t *testing.T) {
	w := newWorkspace(t)
	ctx := context.Background()
	w.Expect(w.apply(inline(says("one"))).Phase).To(Equal(infrav1.RunSucceeded))
	w.setInputs(inline(says("two")))
	w.Expect(w.run(ctx, "w-2", infrav1.OperationApply).Phase).To(Equal(infrav1.RunSucceeded))

	// Back to the last version: an empty Secret with the annotation.
	w.loseState()
	w.kubectl("create", "secret", "generic", w.stateName())
	w.annotate(w.stateName(), infrav1.RestoreStateAnnotation, "1")
	result := w.run(ctx, "w-3", infrav1.OperationApply)
	w.Expect(counted(result)).To(Equal(counts(0, 1, 0, 0)), result.Message)

	// Or from nothing.
	w.loseState()
	w.annotate(OutputsName(w.Workspace), infrav1.StateLineageAnnotation, "")
	result = w.run(ctx, "w-4", infrav1.OperationApply)
	w.Expect(counted(result)).To(Equal(counts(1, 0, 0, 0)), result.Message)
}
