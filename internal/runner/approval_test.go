package runner

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/inputs"
)

// replacing is a module whose resource is another one for each version.
func replacing(version string) string {
	return `
resource "terraform_data" "a" {
  input            = sensitive("made-up-token")
  triggers_replace = ["` + version + `"]
}`
}

func TestApproval(t *testing.T) {
	w := newWorkspace(t)
	ctx := context.Background()
	w.Terms = infrav1.RunTerms{ApprovalPolicy: infrav1.ApprovalDestructive}
	w.Expect(w.apply(inline(replacing("1"))).Phase).To(Equal(infrav1.RunSucceeded), "nothing goes")
	before := w.state()

	w.setInputs(inline(replacing("2")))
	asked := w.run(ctx, "w-2", infrav1.OperationApply)
	w.Expect(asked.Phase).To(Equal(infrav1.RunAwaitingApproval))
	w.Expect(asked.Reason + asked.Message).To(BeEmpty())
	w.Expect(counted(asked)).To(Equal(counts(0, 0, 0, 1)))
	w.Expect(w.state()).To(Equal(before))
	w.Expect(w.holder()).To(BeEmpty())

	w.Expect(asked.ReportSecret).To(Equal("w-reports"))
	plan := string(w.secret("w-reports").Data["w-2.plan"])
	w.Expect(plan).To(And(ContainSubstring("terraform_data.a must be replaced"), ContainSubstring(`output           = "[redacted]"`), Not(ContainSubstring("made-up-token"))))
	w.Expect(w.secret("w-reports").OwnerReferences).To(Equal([]metav1.OwnerReference{owner}))

	// An approval of another plan counts for nothing.
	w.Terms.ApprovedPlan = strings.Repeat("0", 64)
	again := w.run(ctx, "w-3", infrav1.OperationApply)
	w.Expect(again.Phase).To(Equal(infrav1.RunAwaitingApproval))
	w.Expect(again.Plan.Digest).To(Equal(asked.Plan.Digest), "nothing has changed")

	w.Terms.ApprovedPlan = asked.Plan.Digest
	w.Expect(w.run(ctx, "w-4", infrav1.OperationApply).Phase).To(Equal(infrav1.RunSucceeded))
	w.Expect(w.state()).NotTo(Equal(before))
}

func TestNobodyIsAskedToApproveWhatNobodyCanRead(t *testing.T) {
	w := newWorkspace(t)
	speechless := filepath.Join(t.TempDir(), "tofu")
	script := "#!/bin/sh\n[ \"$1\" = show ] && { echo no words >&2; exit 1; }\nexec " + w.Tofu + " \"$@\"\n"
	w.Expect(os.WriteFile(speechless, []byte(script), 0o700)).To(Succeed())
	w.Tofu = speechless
	w.Terms.ApprovalPolicy = infrav1.ApprovalManual
	result := w.apply(inline(dataModule))
	w.Expect(result.Reason).To(Equal(ReasonPlanFailed))
	w.Expect(result.Kind).To(Equal(infrav1.FailureTransient))
	w.Expect(result.Message).To(And(ContainSubstring("showing the plan"), ContainSubstring("no words")))
	w.Expect(w.state()).To(BeEmpty())
}

func TestAnApprovalThatIsStaleIsAskedForAgain(t *testing.T) {
	w := newWorkspace(t)
	ctx := context.Background()
	w.Expect(w.apply(inline(replacing("1"))).Phase).To(Equal(infrav1.RunSucceeded))
	w.Terms = infrav1.RunTerms{ApprovalPolicy: infrav1.ApprovalManual}
	w.setInputs(inline(replacing("2")))
	first := w.run(ctx, "w-2", infrav1.OperationApply)
	w.Expect(first.Phase).To(Equal(infrav1.RunAwaitingApproval))

	// Meanwhile somebody else has applied something: the same change is another.
	w.Terms = infrav1.RunTerms{}
	w.setInputs(inline(replacing("3")))
	w.Expect(w.run(ctx, "w-3", infrav1.OperationApply).Phase).To(Equal(infrav1.RunSucceeded))

	w.Terms = infrav1.RunTerms{ApprovalPolicy: infrav1.ApprovalManual, ApprovedPlan: first.Plan.Digest}
	w.setInputs(inline(replacing("2")))
	second := w.run(ctx, "w-4", infrav1.OperationApply)
	w.Expect(second.Phase).To(Equal(infrav1.RunAwaitingApproval))
	w.Expect(counted(second)).To(Equal(counted(first)))
	w.Expect(second.Plan.Digest).NotTo(Equal(first.Plan.Digest))
}

// The same change of the same state, but it was approved before somebody went back.
func TestARestoreMakesAnApprovalStale(t *testing.T) {
	w := newWorkspace(t)
	ctx := context.Background()
	w.Expect(w.apply(inline(replacing("1"))).Phase).To(Equal(infrav1.RunSucceeded))
	w.Terms = infrav1.RunTerms{ApprovalPolicy: infrav1.ApprovalManual}
	w.setInputs(inline(replacing("2")))
	first := w.run(ctx, "w-2", infrav1.OperationApply)
	w.Terms.ApprovedPlan = first.Plan.Digest
	w.Expect(w.run(ctx, "w-3", infrav1.OperationApply).Phase).To(Equal(infrav1.RunSucceeded))

	w.annotate(w.stateName(), infrav1.RestoreStateAnnotation, "1")
	second := w.run(ctx, "w-4", infrav1.OperationApply)
	w.Expect(second.Phase).To(Equal(infrav1.RunAwaitingApproval), second.Message)
	w.Expect(counted(second)).To(Equal(counted(first)))
	again := w.run(ctx, "w-5", infrav1.OperationApply)
	w.Expect(again.Plan.Digest).To(Equal(second.Plan.Digest))
	w.Terms.ApprovedPlan = second.Plan.Digest
	w.Expect(w.run(ctx, "w-6", infrav1.OperationApply).Phase).To(Equal(infrav1.RunSucceeded))
}

func TestAPlanChangesNothing(t *testing.T) {
	w := newWorkspace(t)
	ctx := context.Background()
	w.setInputs(inline(dataModule))
	result := w.run(ctx, "w-1", infrav1.OperationPlan)
	w.Expect(result.Phase).To(Equal(infrav1.RunSucceeded), result.Message)
	w.Expect(counted(result)).To(Equal(counts(1, 0, 0, 0)))
	for _, name := range []string{OutputsName("w"), "tfstate-default-" + w.suffix()} {
		err := w.client.Get(ctx, client.ObjectKey{Namespace: w.Namespace, Name: name}, &corev1.Secret{})
		w.Expect(apierrors.IsNotFound(err)).To(BeTrue(), name)
	}
}

func TestProtectedResourcesStay(t *testing.T) {
	w := newWorkspace(t)
	ctx := context.Background()
	w.Terms.Protect = infrav1.Protection{Addresses: []string{"terraform_data.a"}}
	w.Expect(w.apply(inline(replacing("1"))).Phase).To(Equal(infrav1.RunSucceeded))
	before := w.state()

	w.setInputs(inline(replacing("2")))
	for name, operation := range map[string]infrav1.Operation{"w-2": infrav1.OperationApply, "w-3": infrav1.OperationDestroy} {
		result := w.run(ctx, name, operation)
		w.Expect(result.Reason).To(Equal(ReasonProtectedResource))
		w.Expect(result.Kind).To(Equal(infrav1.FailureConfiguration))
		w.Expect(result.Message).To(ContainSubstring("protects: terraform_data.a;"))
		w.Expect(w.state()).To(Equal(before))
	}
	w.Terms.Protect = infrav1.Protection{}
	w.Expect(w.run(ctx, "w-4", infrav1.OperationDestroy).Phase).To(Equal(infrav1.RunSucceeded))
}

// What is forgotten is not destroyed, but nobody would ever destroy it.
func TestWhatIsProtectedIsNotForgotten(t *testing.T) {
	kept := func(version string) string {
		return `
resource "terraform_data" "a" {
  triggers_replace = ["` + version + `"]
  lifecycle { destroy = false }
}`
	}
	for name, tt := range map[string]struct {
		before, after string
		operation     infrav1.Operation
	}{
		"a removed block":                     {replacing("1"), "removed {\n  from = terraform_data.a\n  lifecycle { destroy = false }\n}", infrav1.OperationApply},
		"a replacement without a destruction": {kept("1"), kept("2"), infrav1.OperationApply},
		"the same, and moved": {kept("1"), strings.ReplaceAll(kept("2"), `"a"`, `"b"`) +
			"\nmoved {\n  from = terraform_data.a\n  to = terraform_data.b\n}", infrav1.OperationApply},
		"a destroy that destroys nothing": {kept("1"), kept("1"), infrav1.OperationDestroy},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorkspace(t)
			w.Expect(w.apply(inline(tt.before)).Phase).To(Equal(infrav1.RunSucceeded))
			before := w.state()
			w.setInputs(inline(tt.after))
			w.Terms.Protect = infrav1.Protection{Types: []string{"terraform_data"}}
			w.Expect(w.run(context.Background(), "w-2", tt.operation).Reason).To(Equal(ReasonProtectedResource))
			w.Terms = infrav1.RunTerms{ApprovalPolicy: infrav1.ApprovalDestructive}
			if tt.operation == infrav1.OperationApply {
				asked := w.run(context.Background(), "w-3", tt.operation)
				w.Expect(asked.Phase).To(Equal(infrav1.RunAwaitingApproval), asked.Message)
			}
			w.Expect(w.state()).To(Equal(before))
		})
	}
}

// slow is a module that says when it is being made, and then takes its time.
func slow(started string) string {
	return `
resource "terraform_data" "slow" {
  provisioner "local-exec" { command = "test -e ` + started + ` || { touch ` + started + `; exec sleep 600; }" }
}`
}

func TestWhatAnInterruptionTaintedIsNotReplacedUnasked(t *testing.T) {
	w := newWorkspace(t)
	started := filepath.Join(t.TempDir(), "started")
	w.setInputs(inline(slow(started)))
	ctx, interrupt := context.WithCancel(context.Background())
	go func() {
		NewWithT(t).Eventually(started, time.Minute).Should(BeAnExistingFile())
		interrupt()
	}()
	w.Expect(w.run(ctx, "w-1", infrav1.OperationApply).Reason).To(Equal(ReasonInterrupted))

	ctx = context.Background()
	w.Terms.GuardTainted = ptr.To(true)
	asked := w.run(ctx, "w-2", infrav1.OperationApply)
	w.Expect(asked.Phase).To(Equal(infrav1.RunAwaitingApproval))
	w.Expect(counted(asked)).To(Equal(counts(0, 0, 0, 1)))
	w.Terms.ApprovedPlan = asked.Plan.Digest
	w.Expect(w.run(ctx, "w-3", infrav1.OperationApply).Phase).To(Equal(infrav1.RunSucceeded))
}

func TestTimeout(t *testing.T) {
	w := newWorkspace(t)
	started := filepath.Join(t.TempDir(), "started")
	w.Terms.Timeout = &metav1.Duration{Duration: 3 * time.Second}
	result := w.apply(inline(slow(started)))
	w.Expect(result.Reason).To(Equal(ReasonTimeout), result.Message)
	w.Expect(result.Kind).To(Equal(infrav1.FailureTransient))
	w.Expect(result.Message).To(ContainSubstring("spec.timeout (3s)"))
	w.Expect(w.holder()).To(BeEmpty())
}

func TestReportsOfTheLastRunsAreKept(t *testing.T) {
	w := newWorkspace(t)
	in := inline(`variable "s" {}` + "\n" + `resource "terraform_data" "a" { input = var.s }` + "\n" + `output "o" { value = var.s == "" ? 1 : file("/nowhere/${var.s}") }`)
	in.Secrets = []string{"hunter2-hunter2"}
	in.Variables = append(in.Variables, inputs.Variable{Name: "s", Text: text("hunter2-hunter2")})
	w.setInputs(in)
	for _, name := range strings.Fields("w-1 w-8 w-9 w-10 w-11 w-12") {
		w.Expect(w.run(context.Background(), name, infrav1.OperationApply).Reason).To(Equal(ReasonPlanFailed))
	}
	reports := w.secret("w-reports").Data
	var keys []string
	for key, text := range reports {
		keys = append(keys, key)
		w.Expect(string(text)).To(And(ContainSubstring("failed: PlanFailed"), Not(ContainSubstring("hunter2"))))
	}
	w.Expect(keys).To(ConsistOf("w-8.log", "w-9.log", "w-10.log", "w-11.log", "w-12.log"))
}

func TestALogThatIsTooLong(t *testing.T) {
	g := NewWithT(t)
	path := filepath.Join(t.TempDir(), "log")
	var also bytes.Buffer
	log, err := openLog(path, &also, func(text string) string { return text })
	g.Expect(err).NotTo(HaveOccurred())
	defer log.close()
	for range 3 * maxLog / 1000 {
		log.printf("%s", strings.Repeat("x", 1000))
	}
	log.printf("the end")
	info, err := os.Stat(path)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(info.Size()).To(BeNumerically("~", maxLog, 2000))
	g.Expect(also.Len()).To(BeEquivalentTo(info.Size()), "no more than that anywhere")
	tail := string(log.tail())
	g.Expect(len(tail)).To(BeNumerically("<=", maxLogTail))
	g.Expect(tail).To(HaveSuffix("the end\n"))
	g.Expect(tail).To(HavePrefix("20"), "whole lines")
}
