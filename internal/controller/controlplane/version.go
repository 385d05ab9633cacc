package controlplane

import (
	"regexp"
	"strings"

	"github.com/blang/semver/v4"
	"sigs.k8s.io/cluster-api/util/version"
)

// completeVersion takes a version with its patch apart: the numbers, a pre-release of
// Kubernetes itself, and what a cloud or a distribution has appended.
var completeVersion = regexp.MustCompile(
	`^v?([0-9]+\.[0-9]+\.[0-9]+)(-(?:alpha|beta|rc)\.[0-9]+(?:\.[0-9]+)*)?(?:[-+.]([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?`)

// runningVersion is the version that runs: the module's word, or else the API
// server's. A word without the patch is none. Where nobody tells, it is what is
// wanted, but not before that was applied: Cluster API has the workers follow what is
// told here. "" if it is not known.
func (s *scope) runningVersion() string {
	for _, word := range []string{s.outputs.KubernetesVersion, s.answer.Version} {
		if found := semanticVersion(word); found != "" {
			return found
		}
	}
	if s.applied {
		return "v" + strings.TrimPrefix(s.plane.Spec.Version, "v")
	}
	return ""
}

// semanticVersion is a version as Cluster API reads it; "" if the patch is not told.
// It goes by semver, where `v1.34.1-eks-1` is a pre-release, and so older than
// `v1.34.1`: what was appended becomes build metadata, `v1.34.1+eks-1`.
func semanticVersion(word string) string {
	parts := completeVersion.FindStringSubmatch(word)
	if parts == nil {
		return ""
	}
	semantic := "v" + parts[1] + parts[2]
	if appended := parts[3]; appended != "" {
		semantic += "+" + appended
	}
	return semantic
}

// older tells whether a control plane that runs a version is being upgraded to the
// one that is wanted, by the comparison of Cluster API (IsUpgrading in
// internal/contract/controlplane.go). What cannot be read, and what is not known
// yet, is not older.
func older(runs, wanted string) bool {
	running, err := semver.ParseTolerant(runs)
	if err != nil {
		return false
	}
	want, err := semver.ParseTolerant(wanted)
	return err == nil && version.Compare(want, running, version.WithBuildTags()) >= 1
}
