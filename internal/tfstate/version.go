package tfstate

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
)

const (
	// versionKey is the annotation of the state's Secret that holds the number
	// of the version that was kept last.
	versionKey = "infrastructure.cluster.x-k8s.io/last-version"
	// serialKey and replacedKey are annotations of a version: the state's serial
	// and the run that replaced it.
	serialKey   = "infrastructure.cluster.x-k8s.io/state-serial"
	replacedKey = "infrastructure.cluster.x-k8s.io/replaced-by"
	// emptyKey is the annotation of the state's Secret that holds the version of a
	// state which is known to record no infrastructure.
	emptyKey = "infrastructure.cluster.x-k8s.io/empty-state"
	// restoredKey is the annotation of the state's Secret that holds the run that
	// restored a version last.
	restoredKey = "infrastructure.cluster.x-k8s.io/restored-by"
)

// ElsewhereKey is the annotation of the Secret of a state that another backend
// keeps. A person removes it to say that there is nothing in there.
const ElsewhereKey = "infrastructure.cluster.x-k8s.io/state-elsewhere"

// Elsewhere says what is known of a state that another backend keeps.
type Elsewhere string

const (
	// ElsewhereKept means that there may be infrastructure in it.
	ElsewhereKept Elsewhere = "kept"
	// ElsewhereEmpty means that all was destroyed.
	ElsewhereEmpty Elsewhere = "empty"
)

// ElsewhereOf tells what a head says of a state that another backend keeps; "" if
// none does.
func ElsewhereOf(head *corev1.Secret) Elsewhere {
	if head == nil {
		return ""
	}
	return Elsewhere(head.Annotations[ElsewhereKey])
}

// SetElsewhere notes in a head that another backend keeps the state, or with ""
// that none does.
func SetElsewhere(head *corev1.Secret, is Elsewhere) {
	if is == "" {
		delete(head.Annotations, ElsewhereKey)
		return
	}
	delete(head.Data, StateKey)
	annotate(head, ElsewhereKey, string(is))
}

// Version is which state it is among those of a workspace.
type Version struct {
	// Lineage is one for all states of a workspace.
	Lineage string `json:"lineage"`
	// Serial grows with each change.
	Serial uint64 `json:"serial"`
}

func (v Version) String() string { return fmt.Sprintf("%s/%d", v.Lineage, v.Serial) }

// VersionOf reads the version of a state, encrypted or not.
func VersionOf(state []byte) (Version, error) {
	var v Version
	if err := json.Unmarshal(state, &v); err != nil || v.Lineage == "" {
		return Version{}, fmt.Errorf("it is no state (%d bytes)", len(state))
	}
	return v, nil
}

// MarkEmpty notes in a head that its state records no infrastructure, which cannot
// be seen from an encrypted one (Empty).
func MarkEmpty(head *corev1.Secret, state []byte) {
	if v, err := VersionOf(state); err == nil {
		annotate(head, emptyKey, v.String())
	}
}

// MarkedEmpty tells whether a head says that of just this state.
func MarkedEmpty(head *corev1.Secret, state []byte) bool {
	v, err := VersionOf(state)
	return err == nil && head.Annotations[emptyKey] == v.String()
}

// UnmarkEmpty takes that back: the state is about to be another one.
func UnmarkEmpty(head *corev1.Secret) { delete(head.Annotations, emptyKey) }

// WithLineage is the first state of a workspace as it is to be kept. OpenTofu gives
// it a lineage when the backend has answered that there is none yet; one that it
// has left because the backend never answered has none. It gets one that is the
// same each time. All else stays as it is.
func WithLineage(state []byte) ([]byte, error) {
	var fields map[string]json.RawMessage
	err := json.Unmarshal(state, &fields)
	if _, is := fields["serial"]; err != nil || !is {
		return nil, fmt.Errorf("it is no state (%d bytes)", len(state))
	}
	if lineage, has := fields["lineage"]; has && string(lineage) != `""` {
		return state, nil
	}
	fields["lineage"] = json.RawMessage(strconv.Quote(uuid.NewSHA1(uuid.NameSpaceOID, state).String()))
	return json.Marshal(fields)
}

// NextVersion is the number under which the state in a head is kept when it is
// replaced.
func NextVersion(head *corev1.Secret) int {
	latest, err := strconv.Atoi(head.Annotations[versionKey])
	if err != nil || latest < 1 || latest >= KeptVersions {
		return 1
	}
	return latest + 1
}

// SetLastVersion notes in a head which version was kept last.
func SetLastVersion(head *corev1.Secret, version int) {
	annotate(head, versionKey, strconv.Itoa(version))
}

// SetRestored notes in a head which run has made a version the state again. The
// serial is that of the version: OpenTofu keeps it in an encrypted state as well,
// so that nobody else can raise it.
func SetRestored(head *corev1.Secret, run string) { annotate(head, restoredKey, run) }

// RestoredBy is the run that restored a version last; "" if none has. States
// before and after may have the same serial.
func RestoredBy(head *corev1.Secret) string {
	if head == nil {
		return ""
	}
	return head.Annotations[restoredKey]
}

// DescribeVersion notes on the Secret of a version what it is.
func DescribeVersion(secret *corev1.Secret, state []byte, replacedBy string) {
	if v, err := VersionOf(state); err == nil {
		annotate(secret, serialKey, strconv.FormatUint(v.Serial, 10))
	}
	annotate(secret, replacedKey, replacedBy)
}

func annotate(secret *corev1.Secret, key, value string) {
	if secret.Annotations == nil {
		secret.Annotations = map[string]string{}
	}
	secret.Annotations[key] = value
}
