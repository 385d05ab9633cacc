package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// machine is what the numbers depend on, as far as it is known.
type machine struct {
	CPU         string  `json:"cpu"`
	Cores       int     `json:"cores"`
	MemoryBytes float64 `json:"memoryBytes"`
	OS          string  `json:"os"`
	Go          string  `json:"go"`
	// Revision is git's, with "-dirty" if the checkout has changes.
	Revision string `json:"revision"`
	// Load is the average of the last minute, at the start: above zero, others
	// were at work as well.
	Load string `json:"load"`
}

const unknown = "unknown"

// thisMachine says "unknown" where it does not know.
func thisMachine(ctx context.Context, checkout string) machine {
	m := machine{
		CPU: unknown, Cores: runtime.NumCPU(), OS: runtime.GOOS + "/" + runtime.GOARCH,
		Go: runtime.Version(), Revision: unknown, Load: unknown,
	}
	if name, err := field("/proc/cpuinfo", "model name"); err == nil {
		m.CPU = name
	}
	if size, err := kilobytes("/proc/meminfo", "MemTotal"); err == nil {
		m.MemoryBytes = size
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load, _, _ = strings.Cut(string(load), " ")
	}
	git := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty", "--exclude=*")
	git.Dir = checkout
	if revision, err := git.Output(); err == nil {
		m.Revision = strings.TrimSpace(string(revision))
	}
	return m
}

func (m machine) String() string {
	return fmt.Sprintf("%d cores (%s), %.0f GiB, %s, %s, revision %s, load %s",
		m.Cores, m.CPU, m.MemoryBytes/(1<<30), m.OS, m.Go, m.Revision, m.Load)
}
