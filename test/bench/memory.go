package main

import "time"

// memoryInterval is how often memory is looked at that the kernel keeps no
// maximum of. Looking takes time, too.
const memoryInterval = 500 * time.Millisecond

// watchMemory looks at what a process and all its descendants have resident,
// until the returned function is called, which tells the most that was seen, in
// bytes. What processes share counts once for each.
func watchMemory(pid int) (peak func() float64) {
	return watchMost(memoryInterval, func() float64 {
		total := 0.0
		for _, member := range family(pid) {
			total += residentBytes(member)
		}
		return total
	})
}

// watchMost measures now and then until the returned function is called, which
// tells the most that was seen.
func watchMost(interval time.Duration, measure func() float64) (most func() float64) {
	stop, result := make(chan struct{}), make(chan float64)
	go func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		seen := 0.0
		for {
			seen = max(seen, measure())
			select {
			case <-ticker.C:
			case <-stop:
				result <- seen
				return
			}
		}
	}()
	return func() float64 {
		close(stop)
		return <-result
	}
}

// residentBytes is what a process has resident, 0 if it has ended.
func residentBytes(pid int) float64 {
	now, _, err := memory(pid)
	if err != nil {
		return 0
	}
	return now
}
