package tfstate

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

const (
	// MaxParts is how many Secrets a divided state is kept in, at most.
	MaxParts = 8
	// KeptVersions is how many earlier versions of a state are kept.
	KeptVersions = 5
)

const (
	// maxLabelValue is the longest value of a label in Kubernetes.
	maxLabelValue = 63
	// hashLength is how many letters of a hash make a suffix unique: 48 bits.
	hashLength = 12
)

// Suffix is the `secret_suffix` of a workspace's state. It is derived from
// namespace and name alone, so that it is found again after the objects were
// moved to another cluster. It is a valid label value and never ends in a
// number, which OpenTofu reserves for the parts of a divided state.
func Suffix(namespace, workspace string) string {
	readable := workspace
	if longest := maxLabelValue - hashLength - 1; len(readable) > longest {
		readable = strings.TrimRight(readable[:longest], "-.")
	}
	return readable + "-" + letters(namespace+"/"+workspace)
}

// letters is a hash without digits.
func letters(text string) string {
	sum := sha256.Sum256([]byte(text))
	var b strings.Builder
	for _, c := range sum[:hashLength/2] {
		b.WriteByte('a' + c>>4)
		b.WriteByte('a' + c&0xf)
	}
	return b.String()
}

// SecretName is the name of the Secret that holds the state.
func SecretName(suffix string) string { return "tfstate-" + defaultWorkspace + "-" + suffix }

// LeaseName is the name of the Lease that locks the state.
func LeaseName(suffix string) string { return "lock-" + SecretName(suffix) }

// VersionName is the name of the Secret that holds an earlier version of the
// state. Versions are numbered from 1 to KeptVersions, in turn.
func VersionName(suffix string, version int) string {
	return fmt.Sprintf("%s-version-%d", SecretName(suffix), version)
}

// partName is the name of the Secret that holds part i, from 1, of the state
// whose head has the given name.
func partName(head string, group Group, i int) string {
	return fmt.Sprintf("%s-part-%s-%d", head, group, i)
}

// SecretNames are the names of all Secrets that a state and its versions may
// ever be kept in, the state's own first. A Role that is limited to them needs
// the verbs get, update and patch; and create, unless they all exist. Empty ones
// are as good as none. (With a resource name, create allows to make an object by
// server-side apply, and no other object.)
func SecretNames(suffix string) []string {
	head := SecretName(suffix)
	names := append([]string{head}, PartNames(head, GroupA)...)
	names = append(names, PartNames(head, GroupB)...)
	for version := 1; version <= KeptVersions; version++ {
		name := VersionName(suffix, version)
		names = append(append(names, name), PartNames(name, GroupA)...)
	}
	return names
}

// PartNames are the names of all Secrets in a group of the state with this head,
// in order.
func PartNames(head string, group Group) []string {
	var names []string
	for i := 1; i <= MaxParts; i++ {
		names = append(names, partName(head, group, i))
	}
	return names
}
