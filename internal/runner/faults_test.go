package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// faulty is a client that counts its requests, from 1 on. The answer of one is
// lost, another is refused.
type faulty struct {
	client.Client
	lost, refused int

	count int
}

func (f *faulty) meet(request func() error) error {
	f.count++
	switch f.count {
	case f.refused:
		return apierrors.NewInternalError(errors.New("etcdserver: leader changed"))
	case f.lost:
		_ = request()
		return io.ErrUnexpectedEOF
	}
	return request()
}

func (f *faulty) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	return f.meet(func() error { return f.Client.Get(ctx, key, obj, opts...) })
}

func (f *faulty) Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error {
	return f.meet(func() error { return f.Client.Create(ctx, obj, opts...) })
}

func (f *faulty) Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error {
	return f.meet(func() error { return f.Client.Update(ctx, obj, opts...) })
}

// What follows a lost answer, asking what became of the request, may fail as well.
func TestAnyAnswerMayBeLost(t *testing.T) {
	const module = `resource "terraform_data" "a" { input = %q }
output "out" { value = terraform_data.a.output }
`
	w := newWorkspace(t)
	w.Grace = time.Minute
	reliable := w.client
	for lost := 1; ; lost++ {
		for _, refused := range []int{lost + 1, lost + 2} {
			// From nothing, and from what an earlier run left.
			w.Workspace = fmt.Sprintf("w-%d-%d", lost, refused)
			requests := 0
			for _, word := range []string{"hello", "world"} {
				c := &faulty{Client: reliable, lost: lost, refused: refused}
				w.client = reliable
				w.setInputs(inline(fmt.Sprintf(module, word)))
				w.client = c
				w.Expect(w.run(context.Background(), w.Workspace+"-"+word, infrav1.OperationApply).Phase).To(Equal(infrav1.RunSucceeded))
				w.client = reliable
				w.Expect(w.outputs()).To(Equal(map[string]any{"out": word}), "request %d is lost, %d is refused", lost, refused)
				w.Expect(w.holder()).To(BeEmpty())
				requests = max(requests, c.count)
			}
			if lost > requests {
				w.Expect(requests).To(BeNumerically(">", 8), "a run reads its inputs, state and outputs, writes both, and locks and unlocks")
				return
			}
		}
	}
}

func TestTheReportOfSomebodyElseIsLeftAlone(t *testing.T) {
	w := newWorkspace(t)
	theirs := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: ReportsName(w.Workspace)},
		Data:       map[string][]byte{"mine": []byte("1")},
	}
	w.Expect(w.client.Create(context.Background(), theirs)).To(Succeed())
	result := w.apply(inline(dataModule))
	w.Expect(result.Phase).To(Equal(infrav1.RunSucceeded))
	w.Expect(result.ReportSecret).To(BeEmpty())
	w.Expect(w.secret(theirs.Name)).To(Equal(theirs))
	w.Expect(w.log()).To(ContainSubstring("Secret w-reports exists and is not of WorkspaceTemplateApply w"))
}

// Neither those that are there before the run, nor those that come during it.
func TestTheOutputsOfSomebodyElseAreLeftAlone(t *testing.T) {
	w := newWorkspace(t)
	theirs := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: OutputsName(w.Workspace)},
		Data:       map[string][]byte{"mine": []byte("1")},
	}
	appear := func() { w.Expect(env.Client.Create(context.Background(), theirs)).To(Succeed()) }
	appear()
	result := w.apply(inline(dataModule))
	w.Expect(result.Reason).To(Equal(ReasonSecretNotOurs))
	w.Expect(result.Message).To(Equal("Secret w-outputs exists and is not of WorkspaceTemplateApply w; rename or delete it"))
	w.Expect(result.Plan).To(BeNil(), "nothing is begun")
	w.Expect(w.secret(theirs.Name)).To(Equal(theirs))
	w.Expect(w.run(context.Background(), "w-2", infrav1.OperationDestroy).Phase).To(Equal(infrav1.RunSucceeded), "a destroy writes none")

	w.Expect(env.Client.Delete(context.Background(), theirs)).To(Succeed())
	theirs.ResourceVersion, theirs.UID = "", ""
	reliable := w.client
	w.client = &unreliable{reliable, func(obj client.Object) error {
		if _, isSecret := obj.(*corev1.Secret); isSecret && obj.GetName() == theirs.Name && theirs.UID == "" {
			appear()
		}
		return nil
	}}
	result = w.run(context.Background(), "w-3", infrav1.OperationApply)
	w.Expect(result.Reason).To(Equal(ReasonSecretNotOurs))
	w.Expect(w.secret(theirs.Name)).To(Equal(theirs))
}
