package api_test

import (
	"strings"
	"testing"
)

const captMachinePool = `
apiVersion: infrastructure.cluster.x-k8s.io/v1beta1
kind: CAPTMachinePool
spec:
  workspaceTemplateRef: {name: nodes}
`

func TestCAPTMachinePool(t *testing.T) {
	check(t, captMachinePool, map[string]try{
		"minimal":             {},
		"everything":          {set: "spec: {workspaceTemplateRef: {namespace: b}, variables: {a: x}, values: {b: [1]}, additionalTags: {c: d}, providerIDList: [a, b]}"},
		"no spec":             {set: "spec: null", refused: "spec: Required value"},
		"no template":         {set: "spec: {workspaceTemplateRef: null, variables: {a: x}}", refused: "spec.workspaceTemplateRef: Required value"},
		"a nameless template": {set: "spec: {workspaceTemplateRef: {name: null, namespace: b}}", refused: "spec.workspaceTemplateRef.name: Required value"},
		"an empty ID":         {set: `spec: {providerIDList: [""]}`, refused: "spec.providerIDList[0] in body should be at least 1 chars long"},
		"a long ID":           {set: "spec: {providerIDList: [" + strings.Repeat("a", 512) + "]}"},
		"too long an ID":      {set: "spec: {providerIDList: [" + strings.Repeat("a", 513) + "]}", refused: "spec.providerIDList[0]: Too long"},
		"long name":           {set: "metadata: {name: " + strings.Repeat("a", 180) + "}"},
		"too long name":       {set: "metadata: {name: " + strings.Repeat("a", 181) + "}", refused: "the name may have at most 180 characters, so that the names made from it fit"},

		"another template":  {then: "spec: {workspaceTemplateRef: {name: other}}"},
		"another list":      {set: "spec: {providerIDList: [a]}", then: "spec: {providerIDList: [b]}"},
		"without templates": {then: "spec: {workspaceTemplateRef: null}", refused: "spec.workspaceTemplateRef: Required value"},
	})
}

const captMachinePoolTemplate = `
apiVersion: infrastructure.cluster.x-k8s.io/v1beta1
kind: CAPTMachinePoolTemplate
spec:
  template:
    spec:
      workspaceTemplateRef: {name: nodes}
`

func TestCAPTMachinePoolTemplate(t *testing.T) {
	check(t, captMachinePoolTemplate, map[string]try{
		"minimal":       {},
		"with metadata": {set: "spec: {template: {metadata: {labels: {a: b}, annotations: {c: d}}}}"},
		"no spec":       {set: "spec: null", refused: "spec: Required value"},
		"no template":   {set: "spec: {template: null}", refused: "spec.template: Required value"},
		"empty":         {set: "spec: {template: {spec: null}}", refused: "spec.template.spec: Required value"},
		"what belongs to one pool": {
			set: "spec: {template: {spec: {providerIDList: [x]}}}", refused: `unknown field "spec.template.spec.providerIDList"`,
		},
		"another value": {then: "spec: {template: {spec: {values: {a: 1}}}}"},
	})
}
