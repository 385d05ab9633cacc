package runner

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/inputs"
	"github.com/captproject/capt/internal/tfstate"
)

// drifting is a module with a resource and an output that anybody can change, by
// files in dir.
func drifting(dir string) inputs.Inputs {
	return inline(`
resource "terraform_data" "a" { input = sensitive(file("` + dir + `/resource")) }
output "o" { value = file("` + dir + `/output") }`)
}

func TestDriftIsFoundAndNothingElseDone(t *testing.T) {
	w := newWorkspace(t)
	ctx, dir := context.Background(), t.TempDir()
	change := func(what, to string) {
		w.Expect(os.WriteFile(filepath.Join(dir, what), []byte(to), 0o600)).To(Succeed())
	}
	change("resource", "one")
	change("output", "one")
	w.Expect(w.apply(drifting(dir)).Phase).To(Equal(infrav1.RunSucceeded))
	state, outputs := w.secret(w.stateName()), w.secret(OutputsName("w"))
	reports := w.secret("w-reports").Data
	w.Expect(reports).To(HaveLen(1))

	// Only reports may be written; not even the lock may.
	reliable := w.client
	w.client = &unreliable{w.client, func(obj client.Object) error {
		if obj.GetName() == "w-reports" {
			return nil
		}
		return apierrors.NewBadRequest("a check writes nothing")
	}}
	w.Terms = infrav1.RunTerms{ApprovalPolicy: infrav1.ApprovalManual, Protect: infrav1.Protection{Types: []string{"terraform_data"}}}
	change("output", "two")
	none := w.run(ctx, "w-2", infrav1.OperationPlan)
	w.Expect(none.Phase).To(Equal(infrav1.RunSucceeded), none.Message)
	w.Expect(none.Plan.ChangesResources()).To(BeFalse(), "an output is no infrastructure")
	w.Expect(w.secret("w-reports").Data).NotTo(HaveKey("drift.plan"))

	change("resource", "three")
	found := w.run(ctx, "w-3", infrav1.OperationPlan)
	w.Expect(found.Phase).To(Equal(infrav1.RunSucceeded), found.Message)
	w.Expect(counted(found)).To(Equal(counts(0, 1, 0, 0)))
	w.Expect(found.Plan.ChangesResources()).To(BeTrue())
	told := w.secret("w-reports").Data
	w.Expect(told).To(HaveLen(3), "its log and its plan")
	w.Expect(told).To(HaveKeyWithValue("w-1.log", reports["w-1.log"]))
	w.Expect(string(told["drift.plan"])).To(And(ContainSubstring("terraform_data.a will be updated in-place"), Not(ContainSubstring("three"))))
	w.Expect(string(told["drift.log"])).To(ContainSubstring("run w-3"))
	w.client = reliable

	w.Expect(w.secret(w.stateName())).To(Equal(state))
	w.Expect(w.secret(OutputsName("w"))).To(Equal(outputs))

	// An apply takes nothing from the report.
	w.Terms = infrav1.RunTerms{}
	w.Expect(counted(w.run(ctx, "w-4", infrav1.OperationApply))).To(Equal(counts(0, 1, 0, 0)))
	w.Expect(w.secret("w-reports").Data).To(And(HaveLen(4), HaveKey("drift.plan")))
	w.Expect(w.run(ctx, "w-5", infrav1.OperationPlan).Plan.ChangesResources()).To(BeFalse())
	w.Expect(w.secret("w-reports").Data).To(And(HaveLen(3), Not(HaveKey("drift.plan"))))
}

func TestALockDoesNotHoldUpACheck(t *testing.T) {
	w := newWorkspace(t)
	w.Expect(w.apply(inline(dataModule)).Phase).To(Equal(infrav1.RunSucceeded))
	lease := tfstate.NewLease(w.Namespace, w.suffix(), nil)
	w.Expect(w.client.Get(t.Context(), client.ObjectKeyFromObject(lease), lease)).To(Succeed())
	w.Expect(tfstate.Take(lease, tfstate.LockInfo{ID: "a person"})).To(Succeed())
	w.Expect(w.client.Update(t.Context(), lease)).To(Succeed())
	result := w.run(t.Context(), "w-2", infrav1.OperationPlan)
	w.Expect(result.Phase).To(Equal(infrav1.RunSucceeded), result.Message)
	w.Expect(w.holder()).To(Equal("a person"))
}

func TestACheckOfAStateInPostgreSQL(t *testing.T) {
	connection := postgres(t)
	w := newWorkspace(t)
	w.Expect(w.apply(inPostgres(connection, "one")).Phase).To(Equal(infrav1.RunSucceeded))
	head := w.secret(w.stateName())
	w.setInputs(inPostgres(connection, "two"))
	result := w.run(t.Context(), "w-2", infrav1.OperationPlan)
	w.Expect(counted(result)).To(Equal(counts(0, 1, 0, 0)), result.Message)
	w.Expect(w.secret(w.stateName())).To(Equal(head))
}

// A module cannot have the runner of a check write a state, or keep its directory.
func TestACheckHasNoStateToLeave(t *testing.T) {
	w := newWorkspace(t)
	w.setInputs(inline(dataModule))
	w.Dir = filepath.Join(t.TempDir(), "w-1")
	w.Expect(os.MkdirAll(w.Dir, 0o700)).To(Succeed())
	left := filepath.Join(w.Dir, unsavedFile)
	w.Expect(os.WriteFile(left, []byte(someState), 0o600)).To(Succeed())
	result := w.run(t.Context(), w.Run, infrav1.OperationPlan)
	w.Expect(result.Phase).To(Equal(infrav1.RunSucceeded), result.Message)
	w.Expect(result.KeepDirectory).To(BeFalse())
	w.Expect(left).NotTo(BeAnExistingFile())

	b := newBackend(t)
	b.readOnly, b.store.state = true, []byte(someState)
	for _, method := range []string{"LOCK", http.MethodPost, "UNLOCK", http.MethodDelete} {
		status, _ := ask(t, b, method, "?ID=a", `{"ID":"a"}`)
		w.Expect(status).To(Equal(http.StatusMethodNotAllowed), method)
	}
	status, state := ask(t, b, http.MethodGet, "", "")
	w.Expect(status).To(Equal(http.StatusOK))
	w.Expect(state).To(Equal(someState))
	err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.Namespace, Name: w.stateName()}, &corev1.Secret{})
	w.Expect(apierrors.IsNotFound(err)).To(BeTrue())
}
