package api_test

import "testing"

// runner is a merge patch of the runner of a template.
func runner(fields string) string { return forProvider("runner: {" + fields + "}") }

// pod is a merge patch of the spec of the runner's pods.
func pod(fields string) string { return runner("podTemplate: {spec: {" + fields + "}}") }

// mounted is a merge patch of a volume that is mounted at a path.
func mounted(path string) string {
	return pod("volumes: [{name: v, configMap: {name: c}}], volumeMounts: [{name: v, mountPath: " + path + "}]")
}

func TestRunnerOfAWorkspaceTemplate(t *testing.T) {
	const (
		setByUs   = "are set by CAPT"
		badPath   = "mountPath must not be, hold or lie in"
		oneSource = "exactly one of configMap, secret, persistentVolumeClaim, image, csi and projected must be set"
	)
	check(t, workspaceTemplate, map[string]try{
		"image":             {set: runner("image: example.com/runner@sha256:0")},
		"empty":             {set: runner(""), refused: "runner in body should have at least 1 properties"},
		"workload identity": {set: runner("serviceAccountAnnotations: {eks.amazonaws.com/role-arn: arn}")},

		"labels":                {set: runner("podTemplate: {metadata: {labels: {a: b}, annotations: {c: d}}}")},
		"label of ours":         {set: runner("podTemplate: {metadata: {labels: {infrastructure.cluster.x-k8s.io/run: x}}}"), refused: setByUs},
		"label of the Job":      {set: runner("podTemplate: {metadata: {labels: {batch.kubernetes.io/job-name: x}}}"), refused: setByUs},
		"annotation of ours":    {set: runner("podTemplate: {metadata: {annotations: {infrastructure.cluster.x-k8s.io/run: x}}}"), refused: setByUs},
		"may be disrupted":      {set: runner(`podTemplate: {metadata: {annotations: {karpenter.sh/do-not-disrupt: "false"}}}`), refused: setByUs},
		"unconfined":            {set: runner(`podTemplate: {metadata: {annotations: {container.apparmor.security.beta.kubernetes.io/runner: unconfined}}}`), refused: setByUs},
		"place":                 {set: pod("nodeSelector: {a: b}, priorityClassName: p, runtimeClassName: r, tolerations: [{operator: Exists}], imagePullSecrets: [{name: s}]")},
		"affinity":              {set: pod("affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: zone}]}}")},
		"resources":             {set: pod("resources: {requests: {cpu: 1}, limits: {memory: 4Gi}}")},
		"CPU limit":             {set: pod("resources: {limits: {cpu: 1}}"), refused: "a CPU limit is not supported"},
		"security":              {set: pod("securityContext: {runAsUser: 0}"), refused: `unknown field "spec.template.spec.forProvider.runner.podTemplate.spec.securityContext"`},
		"command":               {set: pod("containers: [{name: runner, command: [sh]}]"), refused: "unknown field"},
		"other service account": {set: pod("serviceAccountName: admin"), refused: "unknown field"},

		"volumes": {set: pod(`volumes: [
			{name: a, secret: {secretName: s}}, {name: b, persistentVolumeClaim: {claimName: p}}, {name: c, image: {reference: i}},
			{name: d, csi: {driver: d}}, {name: e, projected: {sources: [{serviceAccountToken: {path: t, audience: vault}}]}}]`)},
		"hostPath":           {set: pod("volumes: [{name: v, hostPath: {path: /}}]"), refused: `unknown field`},
		"no kind of volume":  {set: pod("volumes: [{name: v}]"), refused: oneSource},
		"two kinds":          {set: pod("volumes: [{name: v, secret: {secretName: s}, configMap: {name: c}}]"), refused: oneSource},
		"work volume":        {set: pod("volumes: [{name: work, configMap: {name: c}}]"), refused: "the names work, tmp and token are taken"},
		"token":              {set: pod("volumeMounts: [{name: token, mountPath: /here}]"), refused: "the volumes work, tmp and token are those of the run"},
		"mounted":            {set: mounted("/mirror")},
		"similar to ours":    {set: mounted("/workshop")},
		"relative":           {set: mounted("mirror"), refused: "mountPath must be an absolute path"},
		"through the parent": {set: mounted("/a/../work"), refused: "mountPath must be an absolute path"},
		"over the work":      {set: mounted("/work"), refused: badPath},
		"in the work":        {set: mounted("/work/a"), refused: badPath},
		"over the programs":  {set: mounted("/usr"), refused: badPath},
		"over the token":     {set: mounted("/var/run/secrets"), refused: badPath},
	})
}
