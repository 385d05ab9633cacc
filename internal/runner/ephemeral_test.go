package runner

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/tfstate"
)

// A state that goes with its pod is held for longer than the grace.
func TestAStateInAPodIsHeldUntilItIsSaved(t *testing.T) {
	w := newWorkspace(t)
	w.client = &unreliable{w.client, refuseTimes(4)} // tried for 1.6 s at least
	w.Ephemeral, w.Grace = true, 500*time.Millisecond
	result := w.apply(inline(dataModule))
	w.Expect(result.Phase).To(Equal(infrav1.RunSucceeded), result.Message)
	w.Expect(tfstate.Empty(w.state())).To(BeFalse())
}

func TestAStateInAPodIsGivenUpAfterAnInterruptAndTheGrace(t *testing.T) {
	w := newWorkspace(t)
	ctx, interrupt := context.WithCancel(context.Background())
	defer interrupt()
	refuse := refuseTimes(-1)
	w.client = &unreliable{w.client, func(obj client.Object) error {
		err := refuse(obj)
		if err != nil {
			interrupt()
		}
		return err
	}}
	w.Ephemeral, w.Grace = true, time.Second
	w.setInputs(inline(dataModule))
	result := w.run(ctx, "w-1", infrav1.OperationApply)
	w.Expect(result.Reason).To(Equal(ReasonStateNotSaved))
	w.Expect(result.Message).To(And(ContainSubstring("went with the pod"), ContainSubstring(tfstate.LeaseName(w.suffix())), Not(ContainSubstring(w.Dir))))
	w.Expect(w.holder()).To(Equal("w-1"), "who goes on with an old state makes everything twice")
}

// Kubernetes may start the pod of a run twice.
func TestATwinDoesNotTakeTheLock(t *testing.T) {
	w := newWorkspace(t)
	twin := &stateLock{client: w.client, namespace: w.Namespace, suffix: w.suffix(), info: tfstate.LockInfo{ID: "w-1", Who: "capt-runner@twin"}, report: func(error) {}}
	w.Expect(twin.take(t.Context())).To(Succeed())
	w.Ephemeral = true
	result := w.apply(inline(dataModule))
	w.Expect(result.Reason).To(Equal(ReasonStateLocked))
	w.Expect(result.LockHolder).To(Equal("w-1"))
	w.Expect(w.holder()).To(Equal("w-1"), "it is the twin's")

	w.Ephemeral = false
	w.Expect(w.run(t.Context(), "w-1", infrav1.OperationApply).Phase).To(Equal(infrav1.RunSucceeded), "a process that is started again goes on")
}

// OpenTofu is told what the runner was told, in a pod, or else what its limit leaves.
func TestOpenTofuKnowsHowMuchMemoryItMayHave(t *testing.T) {
	module := func(file string) string {
		return `resource "terraform_data" "a" {
  provisioner "local-exec" { command = "echo $GOMEMLIMIT > ` + file + `" }
}`
	}
	before := debug.SetMemoryLimit(3 << 30)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	for name, want := range map[string]string{"in a pod": "3221225472", "beside the manager": "3650722120"} {
		t.Run(name, func(t *testing.T) {
			w := newWorkspace(t)
			w.Ephemeral = name == "in a pod"
			file := filepath.Join(t.TempDir(), "limit")
			result := w.apply(inline(module(file)))
			w.Expect(result.Phase).To(Equal(infrav1.RunSucceeded), result.Message)
			w.Expect(os.ReadFile(file)).To(Equal([]byte(want + "\n")))
		})
	}
}

// late is a client whose rights come a moment later.
type late struct {
	client.Client
	refusals int
}

func (l *late) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	if _, isSecret := obj.(*corev1.Secret); isSecret && l.refusals > 0 {
		l.refusals--
		return apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, key.Name, errors.New("not yet"))
	}
	return l.Client.Get(ctx, key, obj, opts...)
}

func TestRightsMayComeAMomentLater(t *testing.T) {
	w := newWorkspace(t)
	w.client = &late{w.client, 2}
	w.Expect(w.apply(inline(dataModule)).Phase).To(Equal(infrav1.RunSucceeded))
}

func TestTheTerminationMessageIsShort(t *testing.T) {
	w := newWorkspace(t)
	w.TerminationLog = filepath.Join(t.TempDir(), "termination-log")
	result := w.apply(inline(dataModule))
	message, err := os.ReadFile(w.TerminationLog)
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(ParseResult(string(message))).To(Equal(result))

	for _, text := range []string{strings.Repeat("<ä>", 3000), strings.Repeat("\x01", 5000)} {
		long := &Result{Run: "w-1", Reason: "R", Message: text}
		short := long.short()
		w.Expect(len(short)).To(BeNumerically("<=", maxShort))
		parsed, err := ParseResult(string(short))
		w.Expect(err).NotTo(HaveOccurred())
		w.Expect(parsed.Reason).To(Equal("R"))
		w.Expect(parsed.Message).NotTo(BeEmpty())
		w.Expect(text).To(HavePrefix(parsed.Message))
		w.Expect(long.Message).To(Equal(text))
	}
	_, err = ParseResult(string(message[:len(message)/2]))
	w.Expect(err).To(HaveOccurred())
}
