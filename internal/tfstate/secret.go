package tfstate

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"slices"

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

// partSize is what one Secret holds, in bytes.
const partSize = corev1.MaxSecretSize

// MaxSize is the largest state that can be kept, compressed, in bytes.
const MaxSize = MaxParts * partSize

// Finalizer is on the Secrets that hold a state: whoever deletes one by mistake
// has lost nothing. It is removed when there is no infrastructure any more, or
// when that is let go.
const Finalizer = "infrastructure.cluster.x-k8s.io/state"

// maxPlain is the largest state that is unpacked. It only keeps a Secret that
// somebody forged from filling the memory.
const maxPlain = 256 << 20

// TooLargeError says that a state is larger than MaxSize.
type TooLargeError struct {
	// Size is the state's size, compressed, in bytes.
	Size int
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the state has %d bytes when compressed, and at most %d can be kept: divide the module", e.Size, MaxSize)
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
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: SecretName(suffix), Labels: Labels(suffix, labels),
	}}
	Protect(secret, nil)
	return secret
}

// Protect makes the Secret of a state hard to lose: it cannot be deleted as if
// it were nothing, and has the given labels, too, by which it is found and moved.
func Protect(secret *corev1.Secret, labels map[string]string) {
	if secret.Labels == nil {
		secret.Labels = map[string]string{}
	}
	maps.Copy(secret.Labels, labels)
	// Nobody may add one to an object that is being deleted.
	if secret.DeletionTimestamp.IsZero() && !slices.Contains(secret.Finalizers, Finalizer) {
		secret.Finalizers = append(secret.Finalizers, Finalizer)
	}
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
