package job

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

const (
	// runLabel holds the UID of the run, on Jobs and pods.
	runLabel = "infrastructure.cluster.x-k8s.io/run-uid"
	// runAnnotation holds the name of the run, on pods.
	runAnnotation = "infrastructure.cluster.x-k8s.io/run"
	// calledOffAnnotation says, on a Job that was suspended because its pod has
	// not started, what that waited for.
	calledOffAnnotation = "infrastructure.cluster.x-k8s.io/called-off"
	// podFinalizer keeps a pod until its result was recorded.
	podFinalizer = "infrastructure.cluster.x-k8s.io/workspacerun"

	// longestName is the longest name of a Job: Kubernetes makes a label of it.
	longestName = 63
	// uidDigits is how much of the hash of a run's UID the name of its Job holds.
	uidDigits = 8
)

// jobName is the name of the Job of a run. Another run of the same name, made
// after this one was deleted, has another Job.
func jobName(run *infrav1.WorkspaceRun) string {
	sum := sha256.Sum256([]byte(run.UID))
	suffix := "-" + hex.EncodeToString(sum[:])[:uidDigits]
	readable := run.Name
	if longest := longestName - len(suffix); len(readable) > longest {
		readable = strings.TrimRight(readable[:longest], "-.")
	}
	return readable + suffix
}

// accessName is the name of the ServiceAccount, the Role and the RoleBinding of a
// workspace.
func accessName(workspace string) string { return workspace + "-runner" }
