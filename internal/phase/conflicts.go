package phase

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
)

// Delays before another look after a write met an object, or a version of one,
// that the cache has not seen: long enough for the cache, and doubled each time,
// for there may be something in the way that stays. That is ordinary, and no
// failure to show.
const (
	firstConflictDelay = 100 * time.Millisecond
	lastConflictDelay  = time.Minute
)

// conflicts counts, for each object, those in a row. None are counted by the zero value.
type conflicts struct {
	workqueue.TypedRateLimiter[types.UID]
}

func newConflicts() conflicts {
	return conflicts{workqueue.NewTypedItemExponentialFailureRateLimiter[types.UID](firstConflictDelay, lastConflictDelay)}
}

// next is how long to wait after one more conflict.
func (c conflicts) next(obj Object) time.Duration {
	if c.TypedRateLimiter == nil {
		return firstConflictDelay
	}
	return c.When(obj.GetUID())
}

// forget has the next conflict be the first.
func (c conflicts) forget(obj Object) {
	if c.TypedRateLimiter != nil {
		c.Forget(obj.GetUID())
	}
}
