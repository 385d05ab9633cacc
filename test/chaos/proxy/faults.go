package proxy

import (
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Fault is what is done to a request.
type Fault string

// The faults.
const (
	// None lets it pass.
	None Fault = "passed"
	// Delay lets it pass later.
	Delay Fault = "delayed"
	// Conflict, TooManyRequests and InternalError refuse it at once, Timeout
	// after a while.
	Conflict        Fault = "refused with 409"
	TooManyRequests Fault = "refused with 429"
	InternalError   Fault = "refused with 500"
	Timeout         Fault = "refused with 504"
	// LostAnswer carries it out and drops the connection, so that the caller
	// does not learn what became of it.
	LostAnswer Fault = "carried out, answer lost"
	// CutWatch ends a watch in the middle.
	CutWatch Fault = "watch cut"
)

// share is how many of a thousand requests get a fault.
type share struct {
	fault Fault
	of    int
}

var (
	ofWrites = []share{{Delay, 100}, {Conflict, 40}, {TooManyRequests, 30}, {InternalError, 40}, {Timeout, 20}, {LostAnswer, 50}}
	ofReads  = []share{{Delay, 50}, {TooManyRequests, 10}, {InternalError, 20}, {Timeout, 10}}
	// Most watches live long. Half of them are cut, so that a manager, which begins a
	// dozen, does not go without.
	ofWatch = []share{{CutWatch, 500}, {InternalError, 50}, {TooManyRequests, 20}}
)

// Faults are all that can happen to a request of any kind.
func Faults() []Fault {
	return []Fault{Delay, Conflict, TooManyRequests, InternalError, Timeout, LostAnswer, CutWatch}
}

// fate is what becomes of one request.
type fate struct {
	fault Fault
	// after is how long until the request passes (Delay), is refused (Timeout)
	// or is cut (CutWatch).
	after time.Duration
}

// dice decides the fates.
type dice struct {
	seed uint64

	mu    sync.Mutex
	count map[string]int
}

// roll decides the fate of the next request of its kind. Every kind has a
// generator of its own: how requests of different objects interleave, which no
// seed decides, changes nothing.
func (d *dice) roll(r *http.Request) fate {
	kind := r.Method + " " + r.URL.Path
	shares := ofReads
	switch {
	case isWatch(r):
		kind, shares = "WATCH "+r.URL.Path, ofWatch
	case r.Method != http.MethodGet:
		shares = ofWrites
	}
	d.mu.Lock()
	d.count[kind]++
	number := d.count[kind]
	d.mu.Unlock()

	hash := fnv.New64a()
	_, _ = hash.Write([]byte(kind + " " + strconv.Itoa(number)))
	return choose(shares, rand.New(rand.NewPCG(d.seed, hash.Sum64())))
}

func choose(shares []share, random *rand.Rand) fate {
	at := random.IntN(1000)
	for _, s := range shares {
		if at < s.of {
			return fate{fault: s.fault, after: duration(s.fault, random)}
		}
		at -= s.of
	}
	return fate{fault: None}
}

// duration is mostly short, since a request that waits does no harm to others.
// A few are longer than the renewal of a leader's lease may take.
func duration(fault Fault, random *rand.Rand) time.Duration {
	between := func(from, to time.Duration) time.Duration {
		return from + time.Duration(random.Int64N(int64(to-from)))
	}
	switch {
	case fault == CutWatch:
		return between(time.Second, 15*time.Second)
	case fault == Delay && random.IntN(50) == 0:
		return between(5*time.Second, 12*time.Second)
	case fault == Delay, fault == Timeout:
		return between(50*time.Millisecond, 1500*time.Millisecond)
	}
	return 0
}

func isWatch(r *http.Request) bool {
	watch, err := strconv.ParseBool(r.URL.Query().Get("watch"))
	return err == nil && watch && r.Method == http.MethodGet
}
