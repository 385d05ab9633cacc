package controlplane

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
)

const (
	// watchClock is how often the clock is looked at. Nothing else is.
	watchClock = 10 * time.Second
	// clockJump is by how much it must have jumped.
	clockJump = 5 * time.Second
)

// clockWatcher wakes all control planes when the clock has jumped, or when the
// machine was suspended: what was to be looked at in an hour was so by a timer
// that stood still meanwhile, and a credential may have ended long ago.
type clockWatcher struct {
	clock  clock.PassiveClock
	planes client.Reader
	jumped chan event.TypedGenericEvent[types.NamespacedName]
}

// Start is manager.Runnable's.
func (w *clockWatcher) Start(ctx context.Context) error {
	ticker := time.NewTicker(watchClock)
	defer ticker.Stop()
	jumps := jumps{}
	for {
		jumped := jumps.look(w.clock.Now().Round(0), time.Now())
		for _, plane := range w.all(ctx, jumped) {
			select {
			case w.jumped <- event.TypedGenericEvent[types.NamespacedName]{Object: plane}:
			case <-ctx.Done():
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// all returns all control planes if the clock has jumped.
func (w *clockWatcher) all(ctx context.Context, jumped bool) (keys []types.NamespacedName) {
	list := &controlplanev1.CAPTControlPlaneList{}
	if !jumped || w.planes.List(ctx, list) != nil { // reading the cache fails only while the manager stops
		return nil
	}
	for i := range list.Items {
		keys = append(keys, client.ObjectKeyFromObject(&list.Items[i]))
	}
	return keys
}

// jumps compares two clocks.
type jumps struct{ wall, monotonic time.Time }

// look tells whether the wall clock went otherwise than the monotonic one since
// the last look.
func (j *jumps) look(wall, monotonic time.Time) bool {
	first := j.wall.IsZero()
	difference := wall.Sub(j.wall) - monotonic.Sub(j.monotonic)
	j.wall, j.monotonic = wall, monotonic
	return !first && difference.Abs() > clockJump
}
