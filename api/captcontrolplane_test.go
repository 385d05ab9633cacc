package api_test

import (
	"strings"
	"testing"
)

const captControlPlane = `
apiVersion: controlplane.cluster.x-k8s.io/v1beta1
kind: CAPTControlPlane
spec:
  version: v1.36.3
  workspaceTemplateRef: {name: cluster}
`

func TestCAPTControlPlane(t *testing.T) {
	check(t, captControlPlane, map[string]try{
		"minimal": {},
		"no spec": {set: "spec: null", refused: "spec: Required value"},
		"everything": {set: `
spec:
  workspaceTemplateRef: {name: cluster, namespace: modules}
  variables: {a: x}
  values: {b: [1]}
  outputs: {kubeconfig: "kube_config[0].raw_config"}
  additionalTags: {team: blue}
  controlPlaneEndpoint: {host: a.example.com, port: 443}
  controlPlaneConfig:
    region: eu-central-1
    endpointAccess: {public: true, private: false, publicCIDRs: [10.0.0.0/8, 192.0.2.0/24]}
    addons: [{name: coredns, version: v1, configurationValues: "{}"}, {name: kube-proxy}]
    timeouts: {controlPlaneTimeout: 30, vpcReadyTimeout: 15}`},
		"empty settings":   {set: "spec: {controlPlaneConfig: {}}", refused: "spec.controlPlaneConfig in body should have at least 1 properties"},
		"an addon twice":   {set: "spec: {controlPlaneConfig: {addons: [{name: a}, {name: a}]}}", refused: "addons[1]: Duplicate value"},
		"a nameless addon": {set: "spec: {controlPlaneConfig: {addons: [{version: a}]}}", refused: "addons[0].name: Required value"},
		"a network twice":  {set: "spec: {controlPlaneConfig: {endpointAccess: {publicCIDRs: [a, a]}}}", refused: `publicCIDRs[1]: Duplicate value: "a"`},
		"no networks":      {set: "spec: {controlPlaneConfig: {endpointAccess: {publicCIDRs: []}}}", refused: "publicCIDRs in body should have at least 1 items"},
		"a timeout of 0":   {set: "spec: {controlPlaneConfig: {timeouts: {vpcReadyTimeout: 0}}}", refused: "vpcReadyTimeout in body should be greater than or equal to 1"},
		"empty endpoint":   {set: "spec: {controlPlaneEndpoint: {}}", refused: "spec.controlPlaneEndpoint in body should have at least 1 properties"},
		"port 0":           {set: "spec: {controlPlaneEndpoint: {host: a, port: 0}}", refused: "spec.controlPlaneEndpoint.port in body should be greater than or equal to 1"},
		"long name":        {set: "metadata: {name: " + strings.Repeat("a", 180) + "}"},
		"too long name":    {set: "metadata: {name: " + strings.Repeat("a", 181) + "}", refused: "the name may have at most 180 characters, so that the names made from it fit"},
		"another version":  {then: "spec: {version: v1.37.0}"},
		"an endpoint":      {then: "spec: {controlPlaneEndpoint: {host: a, port: 1}}"},
	})
}

func TestKubeconfigOfACAPTControlPlane(t *testing.T) {
	const (
		kept = "kubeconfig.clusterRole cannot be changed: the ServiceAccount is bound to it"
		life = "tokenLifetime must be between 10m and 8760h"
	)
	check(t, captControlPlane, map[string]try{
		"everything": {set: `
spec:
  kubeconfig: {credential: ServiceAccountToken, verify: Connect, clusterRole: edit, tokenLifetime: 10m, insecureSkipTLSVerify: Allow}`},
		"nothing":              {set: "spec: {kubeconfig: {}}", refused: "spec.kubeconfig in body should have at least 1 properties"},
		"another credential":   {set: "spec: {kubeconfig: {credential: Exec}}", refused: "spec.kubeconfig.credential: Unsupported value"},
		"another verification": {set: "spec: {kubeconfig: {verify: Never}}", refused: "spec.kubeconfig.verify: Unsupported value"},
		"half a yes":           {set: "spec: {kubeconfig: {insecureSkipTLSVerify: yes}}", refused: "spec.kubeconfig.insecureSkipTLSVerify"},
		"a token without asking": {set: "spec: {kubeconfig: {credential: ServiceAccountToken, verify: Static}}",
			refused: "credential ServiceAccountToken needs an API server that can be asked: verify must not be Static"},
		"static":         {set: "spec: {kubeconfig: {credential: Auto, verify: Static}}"},
		"a short life":   {set: "spec: {kubeconfig: {tokenLifetime: 9m59s}}", refused: life},
		"a long life":    {set: "spec: {kubeconfig: {tokenLifetime: 8761h}}", refused: life},
		"no life at all": {set: "spec: {kubeconfig: {tokenLifetime: soon}}", refused: "spec.kubeconfig.tokenLifetime"},

		"settings later":                   {then: "spec: {kubeconfig: {credential: Outputs}}"},
		"the role of always, said later":   {then: "spec: {kubeconfig: {clusterRole: cluster-admin}}"},
		"another role later":               {then: "spec: {kubeconfig: {clusterRole: edit}}", refused: kept},
		"another role":                     {set: "spec: {kubeconfig: {clusterRole: edit}}", then: "spec: {kubeconfig: {clusterRole: view}}", refused: kept},
		"no role any more":                 {set: "spec: {kubeconfig: {clusterRole: edit}}", then: "spec: {kubeconfig: null}", refused: kept},
		"another life of the same role":    {set: "spec: {kubeconfig: {clusterRole: edit}}", then: "spec: {kubeconfig: {tokenLifetime: 1h}}"},
		"the role of always, not said now": {set: "spec: {kubeconfig: {clusterRole: cluster-admin}}", then: "spec: {kubeconfig: null}"},
	})
}

func TestVersionOfACAPTControlPlane(t *testing.T) {
	tries := map[string]try{
		"none": {set: "spec: {version: null}", refused: "spec.version: Required value"},
	}
	for _, version := range []string{"v1.36.3", "1.36.3", "1.31", "v1.31", "v1.36.3+rke2r1", "v1.36.3-gke.100", "v1.36.3-beta.1+x-y"} {
		tries[version] = try{set: "spec: {version: '" + version + "'}"}
	}
	for _, version := range []string{"", "latest", "v1", "1", "V1.36.3", "v1.36.", "v1.36.3 ", "v1.36.x", "vv1.36.3", "v1.36.3_1", "v1.36.3-"} {
		tries["refused "+version] = try{set: "spec: {version: '" + version + "'}", refused: "spec.version in body should "}
	}
	check(t, captControlPlane, tries)
}

func TestWorkspaceOfACAPTControlPlane(t *testing.T) {
	const (
		either      = "workspaceTemplateRef or workspaceTemplateApplyName must be set"
		keptApply   = "workspaceTemplateApplyName cannot be changed, added or removed: the infrastructure made before would be left behind"
		keptRef     = "workspaceTemplateRef cannot be added or removed: the infrastructure made before would be left behind"
		byName      = "spec: {workspaceTemplateRef: null, workspaceTemplateApplyName: a}"
		both        = "spec: {workspaceTemplateApplyName: a}"
		withoutName = "spec: {workspaceTemplateApplyName: null}"
	)
	check(t, captControlPlane, map[string]try{
		"a template":          {},
		"an apply":            {set: byName},
		"both":                {set: both},
		"neither":             {set: "spec: {workspaceTemplateRef: null}", refused: either},
		"a nameless template": {set: "spec: {workspaceTemplateRef: {name: null}}", refused: "spec.workspaceTemplateRef.name: Required value"},
		"an empty apply":      {set: `spec: {workspaceTemplateApplyName: ""}`, refused: "spec.workspaceTemplateApplyName in body should be at least 1 chars long"},

		"another template":           {then: "spec: {workspaceTemplateRef: {name: other}}"},
		"another template of both":   {set: both, then: "spec: {workspaceTemplateRef: {name: other}}"},
		"add an apply":               {then: both, refused: keptApply},
		"remove the apply":           {set: both, then: withoutName, refused: keptApply},
		"another apply":              {set: byName, then: "spec: {workspaceTemplateApplyName: b}", refused: keptApply},
		"another apply of both":      {set: both, then: "spec: {workspaceTemplateApplyName: b}", refused: keptApply},
		"add a template":             {set: byName, then: "spec: {workspaceTemplateRef: {name: cluster}}", refused: keptRef},
		"remove the template":        {set: both, then: "spec: {workspaceTemplateRef: null}", refused: keptRef},
		"from an apply to templates": {set: byName, then: "spec: {workspaceTemplateRef: {name: cluster}, workspaceTemplateApplyName: null}", refused: keptApply},
		"other fields":               {set: both, then: "spec: {variables: {a: b}}"},
	})
}

const captControlPlaneTemplate = `
apiVersion: controlplane.cluster.x-k8s.io/v1beta1
kind: CAPTControlPlaneTemplate
spec:
  template:
    spec:
      workspaceTemplateRef: {name: cluster}
`

func TestCAPTControlPlaneTemplate(t *testing.T) {
	check(t, captControlPlaneTemplate, map[string]try{
		"minimal":     {},
		"everything":  {set: "spec: {template: {metadata: {labels: {a: b}}, spec: {variables: {a: x}, values: {b: 1}, outputs: {token: t}, controlPlaneConfig: {region: eu}, additionalTags: {a: b}}}}"},
		"no spec":     {set: "spec: null", refused: "spec: Required value"},
		"no template": {set: "spec: {template: null}", refused: "spec.template: Required value"},
		"empty":       {set: "spec: {template: {spec: {workspaceTemplateRef: null, variables: {a: b}}}}", refused: "workspaceTemplateRef must be set"},
		"a version":   {set: "spec: {template: {spec: {version: v1.36.3}}}", refused: `unknown field "spec.template.spec.version"`},
		"an endpoint": {set: "spec: {template: {spec: {controlPlaneEndpoint: {host: a, port: 1}}}}", refused: `unknown field "spec.template.spec.controlPlaneEndpoint"`},
	})
}
