package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// ticksPerSecond is the unit of times in /proc: USER_HZ, which is 100 on every
// architecture that we know (man 7 time).
const ticksPerSecond = 100

// cpuSeconds is the CPU time that a process has used.
func cpuSeconds(pid int) (float64, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read the CPU time of process %d: %w", pid, err)
	}
	return parseCPU(string(content), ofItself)
}

// Fields of /proc/PID/stat, from 0 on after the name: utime and stime, and cutime
// and cstime, which are those of children that were waited for.
const (
	ofItself   = 11
	ofChildren = 13
)

// parseCPU adds a field and the next (proc_pid_stat(5)). Counting starts after
// field 2, a name in parentheses that may hold spaces.
func parseCPU(stat string, field int) (float64, error) {
	fields := strings.Fields(stat[strings.LastIndex(stat, ")")+1:])
	if len(fields) < field+2 {
		return 0, fmt.Errorf("unexpected process status %q", stat)
	}
	user, userErr := strconv.ParseFloat(fields[field], 64)
	system, systemErr := strconv.ParseFloat(fields[field+1], 64)
	return (user + system) / ticksPerSecond, errors.Join(userErr, systemErr)
}

// memory is what a process has resident, now and at most so far, in bytes.
func memory(pid int) (now, peak float64, err error) {
	path := fmt.Sprintf("/proc/%d/status", pid)
	if now, err = kilobytes(path, "VmRSS"); err != nil {
		return 0, 0, err
	}
	peak, err = kilobytes(path, "VmHWM")
	return now, peak, err
}

// kilobytes reads a field that is given in kB, in bytes.
func kilobytes(path, name string) (float64, error) {
	value, err := field(path, name)
	if err != nil {
		return 0, err
	}
	number, err := strconv.ParseFloat(strings.TrimSuffix(value, " kB"), 64)
	return number * 1024, err
}

// field reads the first "name: value" of a file of /proc.
func field(path, name string) (string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(content)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value), nil
		}
	}
	return "", fmt.Errorf("%s has no %s", path, name)
}
