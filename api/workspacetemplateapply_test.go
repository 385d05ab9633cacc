package api_test

import (
	"strings"
	"testing"
)

const workspaceTemplateApply = `
apiVersion: infrastructure.cluster.x-k8s.io/v1beta1
kind: WorkspaceTemplateApply
spec:
  templateRef: {name: vpc}
`

func TestWorkspaceTemplateApply(t *testing.T) {
	check(t, workspaceTemplateApply, map[string]try{
		"minimal": {},
		"everything": {set: `
spec:
  templateRef: {name: vpc, namespace: modules}
  variables: {a: x, b: ""}
  values: {a: 1, b: [x], c: {d: true}, e: ""}
  variablesFrom: [{applyRef: network}, {applyRef: dns}]
  waitForSecrets: [{name: a}, {name: b, namespace: team}]
  waitForWorkspaces: [{name: a}, {name: b, namespace: team}]
  writeConnectionSecretToRef: {name: conn, namespace: team}
  retainWorkspaceOnDelete: true
  approval: {policy: Destructive, approvedPlan: ` + strings.Repeat("0a", 32) + `}
  protect: {addresses: ['a.b["c"]'], types: [a]}
  drift: {mode: Remediate, interval: 30m}
  suspend: true
  timeout: 1h30m`},
		"no spec":            {set: "spec: null", refused: "spec: Required value"},
		"no template":        {set: "spec: {templateRef: null}", refused: "spec.templateRef: Required value"},
		"nameless template":  {set: "spec: {templateRef: {name: null}}", refused: "spec.templateRef.name: Required value"},
		"empty template":     {set: `spec: {templateRef: {name: ""}}`, refused: "spec.templateRef.name in body should be at least 1 chars long"},
		"empty namespace":    {set: `spec: {templateRef: {namespace: ""}}`, refused: "spec.templateRef.namespace in body should be at least 1 chars long"},
		"a number":           {set: "spec: {variables: {a: 1}}", refused: `spec.variables.a in body must be of type string: "integer"`},
		"a source twice":     {set: "spec: {variablesFrom: [{applyRef: a}, {applyRef: a}]}", refused: "spec.variablesFrom[1]: Duplicate value"},
		"nameless source":    {set: "spec: {variablesFrom: [{}]}", refused: "spec.variablesFrom[0].applyRef: Required value"},
		"a Secret twice":     {set: "spec: {waitForSecrets: [{name: a}, {name: a}]}", refused: "spec.waitForSecrets[1]: Duplicate value"},
		"nameless Secret":    {set: "spec: {waitForSecrets: [{namespace: a}]}", refused: "spec.waitForSecrets[0].name: Required value"},
		"a workspace twice":  {set: "spec: {waitForWorkspaces: [{name: a}, {name: a}]}", refused: "spec.waitForWorkspaces[1]: Duplicate value"},
		"nameless workspace": {set: "spec: {waitForWorkspaces: [{}]}", refused: "spec.waitForWorkspaces[0].name: Required value"},
		"unknown field":      {set: "spec: {suspended: true}", refused: `unknown field "spec.suspended"`},
		"other policy":       {set: "spec: {approval: {policy: Never}}", refused: `spec.approval.policy: Unsupported value: "Never": supported values: "Auto", "Destructive", "Manual"`},
		"empty approval":     {set: "spec: {approval: {}}", refused: "spec.approval in body should have at least 1 properties"},
		"short digest":       {set: "spec: {approval: {approvedPlan: a}}", refused: "spec.approval.approvedPlan in body should be at least 64 chars long"},
		"no digest":          {set: "spec: {approval: {approvedPlan: " + strings.Repeat("x", 64) + "}}", refused: "spec.approval.approvedPlan in body should match '^[0-9a-f]+$'"},
		"protects nothing":   {set: "spec: {protect: {}}", refused: "spec.protect in body should have at least 1 properties"},
		"protects no type":   {set: "spec: {protect: {types: []}}", refused: "spec.protect.types in body should have at least 1 items"},
		"an address twice":   {set: "spec: {protect: {addresses: [a.b, a.b]}}", refused: "spec.protect.addresses[1]: Duplicate value"},
		"no time":            {set: "spec: {timeout: 0s}", refused: `spec.timeout: Invalid value: "0s": the timeout must be at least 1s`},
		"no duration":        {set: "spec: {timeout: soon}", refused: "spec.timeout: Invalid value"},
		"empty drift":        {set: "spec: {drift: {}}", refused: "spec.drift in body should have at least 1 properties"},
		"other drift":        {set: "spec: {drift: {mode: Mend}}", refused: `spec.drift.mode: Unsupported value: "Mend": supported values: "Ignore", "Report", "Remediate"`},
		"hasty drift":        {set: "spec: {drift: {interval: 59s}}", refused: `spec.drift.interval: Invalid value: "59s": the interval must be at least 1m`},
		"drift some time":    {set: "spec: {drift: {interval: soon}}", refused: "spec.drift.interval: Invalid value"},
		"long name":          {set: "metadata: {name: " + strings.Repeat("a", 200) + "}"},
		"too long name":      {set: "metadata: {name: " + strings.Repeat("a", 201) + "}", refused: "the name may have at most 200 characters, so that the names of its runs and Secrets fit"},
		"everything may change": {then: `
spec: {templateRef: {name: other}, variables: {a: z}, retainWorkspaceOnDelete: false}`},
	})
}
