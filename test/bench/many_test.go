package main

import (
	"context"
	"errors"
	"sync"
	"testing"

	. "github.com/onsi/gomega"
)

func TestAllAreDoneAsManyAtOnceAsRuns(t *testing.T) {
	g := NewWithT(t)
	const count = 2*parallelRuns + 1
	var done [count]bool
	// The first ones wait for each other.
	var together sync.WaitGroup
	together.Add(parallelRuns)
	_, err := atOnce(t.Context(), count, func(_ context.Context, i int) error {
		if i < parallelRuns {
			together.Done()
			together.Wait()
		}
		done[i] = true
		return nil
	})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(done).To(HaveEach(true))
}

func TestOneThatFailsIsToldOf(t *testing.T) {
	failed := errors.New("failed")
	_, err := atOnce(t.Context(), 3, func(_ context.Context, i int) error {
		if i == 1 {
			return failed
		}
		return nil
	})
	NewWithT(t).Expect(err).To(MatchError(failed))
}
