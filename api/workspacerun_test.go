package api_test

import (
	"context"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

var workspaceRun = `
apiVersion: infrastructure.cluster.x-k8s.io/v1beta1
kind: WorkspaceRun
spec:
  applyName: blue
  operation: Apply
  inputsRef: {name: blue-inputs, digest: ` + strings.Repeat("a", 64) + `}
  attempt: 1
`

var terms = "spec: {applyRequest: r, approvalPolicy: Manual, approvedPlan: " + strings.Repeat("a", 64) +
	", protect: {types: [a]}, guardTainted: true, timeout: 1h}"

func TestWorkspaceRun(t *testing.T) {
	const immutable = "a run cannot be changed; change the WorkspaceTemplateApply instead"
	check(t, workspaceRun, map[string]try{
		"apply":           {},
		"destroy":         {set: "spec: {operation: Destroy}"},
		"plan":            {set: "spec: {operation: Plan}"},
		"terms":           {set: terms},
		"other operation": {set: "spec: {operation: Refresh}", refused: `spec.operation: Unsupported value: "Refresh": supported values: "Apply", "Plan", "Destroy"`},
		"no spec":         {set: "spec: null", refused: "spec: Required value"},
		"no operation":    {set: "spec: {operation: null}", refused: "spec.operation: Required value"},
		"no apply":        {set: "spec: {applyName: null}", refused: "spec.applyName: Required value"},
		"no inputs":       {set: "spec: {inputsRef: null}", refused: "spec.inputsRef: Required value"},
		"nameless inputs": {set: "spec: {inputsRef: {name: null}}", refused: "spec.inputsRef.name: Required value"},
		"no digest":       {set: "spec: {inputsRef: {digest: null}}", refused: "spec.inputsRef.digest: Required value"},
		"short digest":    {set: "spec: {inputsRef: {digest: " + strings.Repeat("a", 63) + "}}", refused: "spec.inputsRef.digest in body should be at least 64 chars long"},
		"long digest":     {set: "spec: {inputsRef: {digest: " + strings.Repeat("a", 65) + "}}", refused: "spec.inputsRef.digest: Too long: may not be more than 64 bytes"},
		"no attempt":      {set: "spec: {attempt: null}", refused: "spec.attempt: Required value"},
		"attempt 0":       {set: "spec: {attempt: 0}", refused: "spec.attempt in body should be greater than or equal to 1"},

		"another apply":     {then: "spec: {applyName: red}", refused: immutable},
		"another operation": {then: "spec: {operation: Destroy}", refused: immutable},
		"another Secret":    {then: "spec: {inputsRef: {name: other}}", refused: immutable},
		"another digest":    {then: "spec: {inputsRef: {digest: " + strings.Repeat("b", 64) + "}}", refused: immutable},
		"another attempt":   {then: "spec: {attempt: 2}", refused: immutable},
		"another request":   {set: terms, then: "spec: {applyRequest: other}", refused: immutable},
		"a request added":   {then: "spec: {applyRequest: r}", refused: immutable},
		"another policy":    {set: terms, then: "spec: {approvalPolicy: Auto}", refused: immutable},
		"no policy":         {set: terms, then: "spec: {approvalPolicy: null}", refused: immutable},
		"another approval":  {set: terms, then: "spec: {approvedPlan: " + strings.Repeat("b", 64) + "}", refused: immutable},
		"an approval added": {then: "spec: {approvedPlan: " + strings.Repeat("b", 64) + "}", refused: immutable},
		"other protection":  {set: terms, then: "spec: {protect: {types: [b]}}", refused: immutable},
		"protection added":  {then: "spec: {protect: {types: [b]}}", refused: immutable},
		"another guard":     {set: terms, then: "spec: {guardTainted: false}", refused: immutable},
		"another timeout":   {set: terms, then: "spec: {timeout: 2h}", refused: immutable},
		"cancel":            {set: terms, then: "spec: {cancel: true}"},
		"cancel no more":    {set: "spec: {cancel: true}", then: "spec: {cancel: false}", refused: "a run that was cancelled stays so"},
		"cancel forgotten":  {set: "spec: {cancel: true}", then: "spec: {cancel: null}", refused: "a run that was cancelled stays so"},
		"a label":           {then: "metadata: {labels: {a: b}}"},
	})
}

func TestStatusOfAWorkspaceRun(t *testing.T) {
	for name, try := range map[string]try{
		"running":      {set: "status: {phase: Running, runner: process 1}"},
		"failed":       {set: "status: {phase: Failed, failureKind: Transient, reason: StateLocked, message: m, plan: {add: 0}}"},
		"to approve":   {set: "status: {phase: AwaitingApproval, reportSecretName: s, plan: {add: 1, digest: " + strings.Repeat("a", 64) + ", time: \"2026-01-01T00:00:00Z\"}}"},
		"cancelled":    {set: "status: {phase: Cancelled, reason: Cancelled}"},
		"lost":         {set: "status: {phase: Lost, failureKind: Configuration}"},
		"other phase":  {set: "status: {phase: Waiting}", refused: `status.phase: Unsupported value: "Waiting"`},
		"other kind":   {set: "status: {failureKind: Permanent}", refused: `status.failureKind: Unsupported value: "Permanent"`},
		"negative":     {set: "status: {plan: {add: -1}}", refused: "plan.add in body should be greater than or equal to 0"},
		"long message": {set: "status: {message: " + strings.Repeat("m", 4097) + "}", refused: "status.message: Too long: may not be more than 4096 bytes"},
		"empty":        {set: "status: {}", refused: "in body should have at least 1 properties"},
		"condition twice": {
			set: `
status:
  conditions:
  - &c {type: Succeeded, status: "True", reason: Succeeded, message: "", lastTransitionTime: "2026-01-01T00:00:00Z"}
  - *c`,
			refused: "status.conditions[1]: Duplicate value",
		},
	} {
		t.Run(name, func(t *testing.T) {
			object := parse(t, []byte(workspaceRun))
			object.SetNamespace("default")
			object.SetGenerateName("test-")
			NewWithT(t).Expect(env.Client.Create(context.Background(), object)).To(Succeed())
			err := env.Client.Status().Update(context.Background(), parse(t, patched(t, marshal(t, object), try.set)))
			expectAnswer(t, err, try.refused)
		})
	}
}

// Whoever may change the one must not change the other by it.
func TestSpecAndStatusAreApart(t *testing.T) {
	g := NewWithT(t)
	ctx := context.Background()
	object := parse(t, patched(t, []byte(workspaceTemplateApply), "status: {lastRun: from-create}"))
	object.SetNamespace("default")
	object.SetGenerateName("test-")
	g.Expect(env.Client.Create(ctx, object)).To(Succeed())
	key := client.ObjectKeyFromObject(object)
	g.Expect(object.Object).NotTo(HaveKey("status"))

	object = parse(t, patched(t, marshal(t, object), "{spec: {templateRef: {name: other}}, status: {lastRun: run-1}}"))
	g.Expect(env.Client.Status().Update(ctx, object)).To(Succeed())
	g.Expect(env.Client.Get(ctx, key, object)).To(Succeed())
	g.Expect(object.Object["spec"]).To(Equal(map[string]any{"templateRef": map[string]any{"name": "vpc"}}))
	g.Expect(object.Object["status"]).To(Equal(map[string]any{"lastRun": "run-1"}))

	object = parse(t, patched(t, marshal(t, object), "{spec: {templateRef: {name: other}}, status: {lastRun: run-2}}"))
	g.Expect(env.Client.Update(ctx, object)).To(Succeed())
	g.Expect(object.Object["spec"]).To(Equal(map[string]any{"templateRef": map[string]any{"name": "other"}}))
	g.Expect(object.Object["status"]).To(Equal(map[string]any{"lastRun": "run-1"}))
}
