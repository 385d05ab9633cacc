package chaos

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// settings come from environment variables; the defaults are those of the short
// test.
type settings struct {
	// seed of all chance; CHAOS_SEED.
	seed uint64
	// faults is how long they last; CHAOS_FAULTS.
	faults time.Duration
	// planes is how many control planes there are; CHAOS_PLANES.
	planes int
	// patience is how long it may take until all is right; CHAOS_PATIENCE.
	patience time.Duration
}

func readSettings(t *testing.T) settings {
	t.Helper()
	g := NewWithT(t)
	s := settings{seed: rand.Uint64N(1e9), faults: 75 * time.Second, planes: 50, patience: time.Minute}
	read := func(name string, parse func(string) error) {
		if text := os.Getenv(name); text != "" {
			g.Expect(parse(text)).To(Succeed(), "%s=%s", name, text)
		}
	}
	read("CHAOS_SEED", func(text string) (err error) { s.seed, err = strconv.ParseUint(text, 10, 64); return err })
	read("CHAOS_FAULTS", func(text string) (err error) { s.faults, err = time.ParseDuration(text); return err })
	read("CHAOS_PLANES", func(text string) (err error) { s.planes, err = strconv.Atoi(text); return err })
	read("CHAOS_PATIENCE", func(text string) (err error) { s.patience, err = time.ParseDuration(text); return err })
	g.Expect(s.planes).To(BeNumerically(">=", len(kinds)), "CHAOS_PLANES")
	return s
}

// String tells how to do the same again.
func (s settings) String() string {
	return fmt.Sprintf("CHAOS_SEED=%d CHAOS_FAULTS=%s CHAOS_PLANES=%d CHAOS_PATIENCE=%s", s.seed, s.faults, s.planes, s.patience)
}

// chance is a generator of its own for everything that draws: what one does
// must not change what another draws.
func (s settings) chance(name string) *chance {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(name))
	return &chance{rand.New(rand.NewPCG(s.seed, hash.Sum64()))}
}

type chance struct{ *rand.Rand }

func (c *chance) between(from, to time.Duration) time.Duration {
	return from + time.Duration(c.Int64N(int64(to-from)))
}

func pick[T any](c *chance, from []T) T { return from[c.IntN(len(from))] }
