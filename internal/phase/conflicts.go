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

func newConflicts() workqueue.TypedRateLimiter[types.UID] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[types.UID](firstConflictDelay, lastConflictDelay)
}

// afterConflict is how long to wait after one more conflict.
func (r Reporter) afterConflict(obj Object) time.Duration {
	if r.conflicts == nil {
		return firstConflictDelay
	}
	return r.conflicts.When(obj.GetUID())
}

// forgetConflicts has the next conflict be the first.
func (r Reporter) forgetConflicts(obj Object) {
	if r.conflicts != nil {
		r.conflicts.Forget(obj.GetUID())
	}
}
