package chaos

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// tormentAnnotation numbers what the tormentor writes: a version with a number
// that the one before does not have is its own.
const tormentAnnotation = "chaos.captproject.io/torment"

// tormentor damages what CAPT publishes.
type tormentor struct {
	w *world

	mu sync.Mutex
	// number is that of the last write.
	number int
	// counts are how often what was done.
	counts map[string]int
	// deleted are the Secrets that it has deleted, or is just about to.
	deleted map[types.UID]bool
	// taken are the Secrets that are somebody else's at the moment, with the step
	// at which they are given back.
	taken map[string]int
}

func newTormentor(w *world) *tormentor {
	return &tormentor{w: w, counts: map[string]int{}, deleted: map[types.UID]bool{}, taken: map[string]int{}}
}

// run torments until ctx ends, and then gives back all that was taken.
func (t *tormentor) run(ctx context.Context) error {
	chance := t.w.chance("torment")
	for step := 0; ; step++ {
		// All is drawn before anything is done, since what is done depends on what
		// is there.
		wait := chance.between(50*time.Millisecond, 400*time.Millisecond)
		name, d, length := pick(chance, pick(chance, t.w.planes).published()), pick(chance, damages), 10+chance.IntN(40)
		if !pass(ctx, wait) {
			break
		}
		if d.name == takeover {
			t.taken[name] = step + length
		}
		if err := t.torment(ctx, name, d); err != nil {
			return fmt.Errorf("%s: %s: %w", name, d.name, err)
		}
		if err := t.giveBack(ctx, func(until int) bool { return until <= step }); err != nil {
			return err
		}
	}
	return t.giveBack(context.WithoutCancel(ctx), func(int) bool { return true })
}

// torment does one damage to a Secret, if it is there and can be damaged so.
func (t *tormentor) torment(ctx context.Context, name string, d damage) error {
	secret := &corev1.Secret{}
	err := t.w.client.Get(ctx, key(name), secret)
	if err == nil {
		err = d.do(t, ctx, secret)
	}
	switch {
	case err == nil:
		t.mu.Lock()
		defer t.mu.Unlock()
		t.counts[d.name]++
		return nil
	case apierrors.IsNotFound(err), apierrors.IsConflict(err), apierrors.IsInvalid(err), apierrors.IsAlreadyExists(err), ctx.Err() != nil:
		// It is not there yet, CAPT was faster, or it is frozen.
		return nil
	}
	return err
}

// change changes a Secret, whoever else does at the same time.
func (t *tormentor) change(ctx context.Context, secret *corev1.Secret, mutate func(*corev1.Secret)) error {
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		if err := t.w.client.Get(ctx, client.ObjectKeyFromObject(secret), secret); err != nil {
			return err
		}
		t.sign(secret)
		mutate(secret)
		return t.w.client.Update(ctx, secret)
	})
}

// sign marks a version as the tormentor's.
func (t *tormentor) sign(secret *corev1.Secret) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.number++
	metav1.SetMetaDataAnnotation(&secret.ObjectMeta, tormentAnnotation, strconv.Itoa(t.number))
}

func (t *tormentor) delete(ctx context.Context, secret *corev1.Secret) error {
	t.mu.Lock()
	t.deleted[secret.UID] = true
	t.mu.Unlock()
	return t.w.client.Delete(ctx, secret, client.Preconditions{UID: &secret.UID})
}

// hasDeleted tells whether the tormentor is to blame.
func (t *tormentor) hasDeleted(uid types.UID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.deleted[uid]
}

// giveBack gives back the Secrets that are due.
func (t *tormentor) giveBack(ctx context.Context, due func(until int) bool) error {
	for _, name := range slices.Sorted(maps.Keys(t.taken)) {
		if !due(t.taken[name]) {
			continue
		}
		delete(t.taken, name)
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
		err := t.change(ctx, secret, func(secret *corev1.Secret) {
			secret.OwnerReferences = slices.DeleteFunc(secret.OwnerReferences, func(owner metav1.OwnerReference) bool {
				return owner.UID == t.w.usurper.UID
			})
		})
		if client.IgnoreNotFound(err) != nil && !errors.Is(err, context.Canceled) {
			return fmt.Errorf("give back %s: %w", name, err)
		}
	}
	return nil
}

// total is how much was done; String says what.
func (t *tormentor) total() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	sum := 0
	for _, count := range t.counts {
		sum += count
	}
	return sum
}

func (t *tormentor) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var parts []string
	for _, d := range damages {
		parts = append(parts, fmt.Sprintf("%s %d", d.name, t.counts[d.name]))
	}
	return strings.Join(parts, ", ")
}
