package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// family are a process and its descendants. Those in without are left out, with
// theirs.
func family(pid int, without ...int) []int {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is a good one
	for _, path := range stats {
		content, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		if child, parent, err := parseParent(string(content)); err == nil && !slices.Contains(without, child) {
			children[parent] = append(children[parent], child)
		}
	}
	members := []int{pid}
	for i := 0; i < len(members); i++ {
		members = append(members, children[members[i]]...)
	}
	return members
}

// parseParent reads fields 1 and 4 (proc_pid_stat(5)).
func parseParent(stat string) (pid, parent int, err error) {
	first, _, _ := strings.Cut(stat, " ")
	fields := strings.Fields(stat[strings.LastIndex(stat, ")")+1:])
	if len(fields) < 2 {
		return 0, 0, fmt.Errorf("unexpected process status %q", stat)
	}
	if pid, err = strconv.Atoi(first); err != nil {
		return 0, 0, err
	}
	parent, err = strconv.Atoi(fields[1])
	return pid, parent, err
}

// familyCPU is the CPU time, in seconds, of the descendants of a process and of
// those that they have waited for. That of the process itself is included unless
// it is our own.
func familyCPU(pid int, without ...int) float64 {
	total := 0.0
	for _, member := range family(pid, without...) {
		if member == os.Getpid() {
			continue
		}
		own, err := cpuSeconds(member)
		if err != nil {
			continue // it has ended
		}
		total += own + endedCPU(member)
	}
	return total
}

// endedCPU is the CPU time of children, and theirs, that have ended, in seconds; 0
// if there is no such process any more.
func endedCPU(pid int) float64 {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	seconds, err := parseCPU(string(content), ofChildren)
	if err != nil {
		return 0
	}
	return seconds
}
