package tfstate

import (
	"crypto/sha256"
	"strings"
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
