package tfstate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// PartKey is the key of a part's Secret under which its bytes lie.
const PartKey = "part"

// Group is one of two sets of Secrets for the parts of a state. While one holds
// the state, the other one takes the next.
type Group string

// The groups. A version has only the first.
const (
	GroupA Group = "a"
	GroupB Group = "b"
)

// Part is a part of a divided state.
type Part struct {
	// Name of the Secret.
	Name string
	// Data is to be under PartKey.
	Data []byte
}

// manifest is what the head holds instead of a state that is divided. It is no
// gzip: OpenTofu's own backend refuses it, and never takes it for an empty state.
type manifest struct {
	Group Group `json:"group"`
	Parts int   `json:"parts"`
	// Digest is the SHA-256 of all parts together, in hexadecimal.
	Digest string `json:"sha256"`
}

// NextGroup is the group that does not hold the state of a Secret, nil included.
func NextGroup(head *corev1.Secret) Group {
	if head == nil {
		return GroupA
	}
	if m, err := manifestOf(head); err != nil || m == nil || m.Group != GroupA {
		return GroupA
	}
	return GroupB
}

// Encode puts a state into its Secret. If it is too large for that, the head
// gets a list of the parts, which must be there, in that group, before the head
// is written. It returns a *TooLargeError if the state is too large even so, and
// then leaves the Secret as it was.
func Encode(head *corev1.Secret, state []byte, group Group) ([]Part, error) {
	packed, err := compress(state)
	if err != nil {
		return nil, err
	}
	if len(packed) <= partSize {
		fill(head, packed)
		return nil, nil
	}
	if len(packed) > MaxSize {
		return nil, &TooLargeError{Size: len(packed)}
	}
	var parts []Part
	for chunk := range slices.Chunk(packed, partSize) {
		parts = append(parts, Part{Name: partName(head.Name, group, len(parts)+1), Data: chunk})
	}
	list, err := json.Marshal(manifest{Group: group, Parts: len(parts), Digest: digest(packed)})
	if err != nil {
		return nil, fmt.Errorf("listing the parts of a state: %w", err)
	}
	fill(head, list)
	return parts, nil
}

func fill(head *corev1.Secret, content []byte) {
	if head.Data == nil {
		head.Data = map[string][]byte{}
	}
	head.Data[StateKey] = content
	annotate(head, encodingKey, "gzip")
}

// NearLimit tells whether a state has 80 % of MaxSize, or more, and how many bytes
// it has when compressed.
func NearLimit(state []byte) (size int, near bool) {
	const limit = MaxSize / 5 * 4
	if len(state) < limit {
		return 0, false
	}
	packed, err := compress(state)
	return len(packed), err == nil && len(packed) >= limit
}

// Parts are the names of the Secrets that hold the state of a head, in order;
// nil if it holds all of it itself.
func Parts(head *corev1.Secret) ([]string, error) {
	m, err := manifestOf(head)
	if err != nil || m == nil {
		return nil, err
	}
	var names []string
	for i := 1; i <= m.Parts; i++ {
		names = append(names, partName(head.Name, m.Group, i))
	}
	return names, nil
}

// Decode returns the state in a Secret and what its Parts hold, in order; nil if
// there is none yet.
func Decode(head *corev1.Secret, parts ...[]byte) ([]byte, error) {
	packed := head.Data[StateKey]
	if len(packed) == 0 {
		return nil, nil
	}
	m, err := manifestOf(head)
	if err != nil {
		return nil, err
	}
	if m != nil {
		if packed = slices.Concat(parts...); digest(packed) != m.Digest {
			return nil, fmt.Errorf("the parts of the state in Secret %s/%s are not those it was divided into", head.Namespace, head.Name)
		}
	}
	state, err := decompress(packed)
	if err != nil {
		return nil, fmt.Errorf("reading the state in Secret %s/%s: %w", head.Namespace, head.Name, err)
	}
	return state, nil
}

// manifestOf returns the list of parts in a head, nil if the state is not
// divided.
func manifestOf(head *corev1.Secret) (*manifest, error) {
	content := head.Data[StateKey]
	if len(content) == 0 || content[0] != '{' {
		return nil, nil
	}
	m := &manifest{}
	if err := json.Unmarshal(content, m); err != nil {
		return nil, fmt.Errorf("the list of parts in Secret %s/%s cannot be read (%d bytes)", head.Namespace, head.Name, len(content))
	}
	if m.Group != GroupA && m.Group != GroupB || m.Parts < 1 || m.Parts > MaxParts {
		return nil, fmt.Errorf("the list of parts in Secret %s/%s is not one of ours", head.Namespace, head.Name)
	}
	return m, nil
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
