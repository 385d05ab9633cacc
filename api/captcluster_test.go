package api_test

import (
	"strings"
	"testing"
)

const captCluster = `
apiVersion: infrastructure.cluster.x-k8s.io/v1beta1
kind: CAPTCluster
spec:
  workspaceTemplateRef: {name: network}
`

func TestCAPTCluster(t *testing.T) {
	const (
		one  = "exactly one of workspaceTemplateRef, vpcTemplateRef and existingVpcId must be set"
		kept = "existingVpcId cannot be added or removed: the infrastructure made before would be left behind"
	)
	check(t, captCluster, map[string]try{
		"a template":          {},
		"a VPC template":      {set: "spec: {workspaceTemplateRef: null, vpcTemplateRef: {name: a, namespace: b}}"},
		"a VPC":               {set: "spec: {workspaceTemplateRef: null, existingVpcId: vpc-1}"},
		"nothing":             {set: "spec: {workspaceTemplateRef: null, region: eu}", refused: one},
		"an empty spec":       {set: "spec: {workspaceTemplateRef: null}", refused: "spec in body should have at least 1 properties"},
		"no spec":             {set: "spec: null", refused: "spec: Required value"},
		"two templates":       {set: "spec: {vpcTemplateRef: {name: a}}", refused: one},
		"a template, a VPC":   {set: "spec: {existingVpcId: vpc-1}", refused: one},
		"a VPC twice":         {set: "spec: {workspaceTemplateRef: null, vpcTemplateRef: {name: a}, existingVpcId: vpc-1}", refused: one},
		"all three":           {set: "spec: {vpcTemplateRef: {name: a}, existingVpcId: vpc-1}", refused: one},
		"an empty VPC":        {set: `spec: {workspaceTemplateRef: null, existingVpcId: ""}`, refused: "spec.existingVpcId in body should be at least 1 chars long"},
		"a nameless template": {set: "spec: {workspaceTemplateRef: {name: null}}", refused: "spec.workspaceTemplateRef.name: Required value"},
		"everything else": {set: `
spec:
  region: eu-central-1
  vpcConfig: {name: blue}
  retainVpcOnDelete: true
  variables: {a: x}
  values: {b: [1]}
  controlPlaneEndpoint: {host: 127.0.0.1, port: 6443}`},
		"empty region":       {set: `spec: {region: ""}`, refused: "spec.region in body should be at least 1 chars long"},
		"empty VPC settings": {set: "spec: {vpcConfig: {}}", refused: "spec.vpcConfig in body should have at least 1 properties"},
		"empty endpoint":     {set: "spec: {controlPlaneEndpoint: {}}", refused: "spec.controlPlaneEndpoint in body should have at least 1 properties"},
		"port 0":             {set: "spec: {controlPlaneEndpoint: {host: a, port: 0}}", refused: "spec.controlPlaneEndpoint.port in body should be greater than or equal to 1"},
		"port 65536":         {set: "spec: {controlPlaneEndpoint: {host: a, port: 65536}}", refused: "spec.controlPlaneEndpoint.port in body should be less than or equal to 65535"},
		"long name":          {set: "metadata: {name: " + strings.Repeat("a", 180) + "}"},
		"too long name":      {set: "metadata: {name: " + strings.Repeat("a", 181) + "}", refused: "the name may have at most 180 characters, so that the names made from it fit"},

		"another template":        {then: "spec: {workspaceTemplateRef: {name: other}}"},
		"the template's old name": {then: "spec: {workspaceTemplateRef: null, vpcTemplateRef: {name: network}}"},
		"from template to VPC":    {then: "spec: {workspaceTemplateRef: null, existingVpcId: vpc-1}", refused: kept},
		"from VPC to template": {
			set: "spec: {workspaceTemplateRef: null, existingVpcId: vpc-1}", then: "spec: {workspaceTemplateRef: {name: a}, existingVpcId: null}", refused: kept,
		},
		"from VPC to VPC": {set: "spec: {workspaceTemplateRef: null, existingVpcId: vpc-1}", then: "spec: {existingVpcId: vpc-2}"},
	})
}

const captClusterTemplate = `
apiVersion: infrastructure.cluster.x-k8s.io/v1beta1
kind: CAPTClusterTemplate
spec:
  template:
    spec:
      workspaceTemplateRef: {name: network}
`

func TestCAPTClusterTemplate(t *testing.T) {
	check(t, captClusterTemplate, map[string]try{
		"minimal":       {},
		"with metadata": {set: "spec: {template: {metadata: {labels: {a: b}, annotations: {c: d}}}}"},
		"no spec":       {set: "spec: null", refused: "spec: Required value"},
		"no template":   {set: "spec: {template: null}", refused: "spec.template: Required value"},
		"empty":         {set: "spec: {template: {spec: null}}", refused: "spec.template.spec: Required value"},
		"two templates": {
			set:     "spec: {template: {spec: {vpcTemplateRef: {name: a}}}}",
			refused: "exactly one of workspaceTemplateRef, vpcTemplateRef and existingVpcId must be set",
		},
		"an endpoint": {
			set:     "spec: {template: {spec: {controlPlaneEndpoint: {host: a, port: 1}}}}",
			refused: "controlPlaneEndpoint belongs to one Cluster and cannot be in a template",
		},
		"another region": {then: "spec: {template: {spec: {region: eu}}}"},
		"from template to VPC": {
			then:    "spec: {template: {spec: {workspaceTemplateRef: null, existingVpcId: vpc-1}}}",
			refused: "existingVpcId cannot be added or removed",
		},
	})
}
