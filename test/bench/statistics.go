package main

import "slices"

// spread is the least, the middle and the most of some numbers.
type spread struct{ min, median, max float64 }

// spreadOf needs at least one number.
func spreadOf(numbers []float64) spread {
	sorted := slices.Sorted(slices.Values(numbers))
	last := len(sorted) - 1
	return spread{
		min:    sorted[0],
		median: (sorted[last/2] + sorted[(last+1)/2]) / 2,
		max:    sorted[last],
	}
}

func sum(numbers []float64) float64 {
	total := 0.0
	for _, n := range numbers {
		total += n
	}
	return total
}

// pairwise combines the numbers of the same round.
func pairwise(a, b []float64, combine func(a, b float64) float64) []float64 {
	combined := make([]float64, len(a))
	for i := range a {
		combined[i] = combine(a[i], b[i])
	}
	return combined
}
