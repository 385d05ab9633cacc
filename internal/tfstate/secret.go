package tfstate

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What OpenTofu's backend writes.
const (
	// StateKey is the key of the Secret under which the state lies, gzipped.
	StateKey = "tfstate"

	labelState       = "tfstate"
	labelSuffix      = "tfstateSecretSuffix"
	labelWorkspace   = "tfstateWorkspace"
	labelManagedBy   = "app.kubernetes.io/managed-by"
	encodingKey      = "encoding"
	defaultWorkspace = "default"
)

// MaxSize is the largest state that fits, compressed, in bytes. It is
// Kubernetes' limit for the data of a Secret.
const MaxSize = corev1.MaxSecretSize

// maxPlain is the largest state that is unpacked. It only keeps a Secret that
// somebody forged from filling the memory.
const maxPlain = 256 << 20

// TooLargeError says that a state does not fit into a Secret.
type TooLargeError struct {
	// Size is the state's size, compressed, in bytes.
	Size int
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the state has %d bytes when compressed, a Secret holds at most %d: divide the module", e.Size, MaxSize)
}

// Labels are the labels of a state's Secret and Lease: those of OpenTofu and
// the given ones, which do not win over them.
func Labels(suffix string, more map[string]string) map[string]string {
	labels := maps.Clone(more)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[labelState] = "true"
	labels[labelSuffix] = suffix
	labels[labelWorkspace] = defaultWorkspace
	labels[labelManagedBy] = "terraform"
	return labels
}

// NewSecret is the Secret of a state that has not been kept before, without
// the state.
func NewSecret(namespace, suffix string, labels map[string]string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: SecretName(suffix), Labels: Labels(suffix, labels),
	}}
}

// Encode puts a state into its Secret. It returns a *TooLargeError if it
// does not fit, and then leaves the Secret as it was.
func Encode(secret *corev1.Secret, state []byte) error {
	packed, err := compress(state)
	if err != nil {
		return err
	}
	if len(packed) > MaxSize {
		return &TooLargeError{Size: len(packed)}
	}
	if secret.Data == nil {
		secret.Data = map[string][]byte{}
	}
	secret.Data[StateKey] = packed
	if secret.Annotations == nil {
		secret.Annotations = map[string]string{}
	}
	secret.Annotations[encodingKey] = "gzip"
	return nil
}

// Decode returns the state in a Secret, nil if there is none yet.
func Decode(secret *corev1.Secret) ([]byte, error) {
	packed, ok := secret.Data[StateKey]
	if !ok {
		return nil, nil
	}
	state, err := decompress(packed)
	if err != nil {
		return nil, fmt.Errorf("reading the state in Secret %s/%s: %w", secret.Namespace, secret.Name, err)
	}
	return state, nil
}

func compress(state []byte) ([]byte, error) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(state); err != nil {
		return nil, fmt.Errorf("compressing a state: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compressing a state: %w", err)
	}
	return packed.Bytes(), nil
}

func decompress(packed []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	state, err := io.ReadAll(io.LimitReader(r, maxPlain+1))
	if err != nil {
		return nil, err
	}
	if len(state) > maxPlain {
		return nil, fmt.Errorf("it has more than %d MiB", maxPlain>>20)
	}
	return state, nil
}
