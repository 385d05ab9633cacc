package sweep

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

const (
	// interval is how long killed processes have before they are looked for
	// again. They are not our children, so that nobody tells us of their end.
	interval = 20 * time.Millisecond
	// bound is how long ending everything may take.
	bound = 20 * time.Second
)

// End kills the processes of the environment with this root until none is
// left, however many they start meanwhile. Nothing of theirs is worth saving,
// and some would wait in vain for another that has been ended before (a
// kube-apiserver for its etcd), so they are not asked first.
func End(root string) error {
	return end(root, func(Process) bool { return true })
}

// EndStrays does the same to those that are not children of this process.
func EndStrays(root string) error {
	return end(root, func(p Process) bool { return p.Parent != os.Getpid() })
}

func end(root string, chosen func(Process) bool) error {
	deadline := time.After(bound)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		found, err := Find(root)
		if err != nil {
			return err
		}
		left := slices.DeleteFunc(found, func(p Process) bool { return !chosen(p) })
		if len(left) == 0 {
			return nil
		}
		for _, p := range left {
			kill(p.PID, root)
		}
		select {
		case <-deadline:
			return fmt.Errorf("still running %s after they were killed: %s", bound, names(left))
		case <-tick.C:
		}
	}
}

// kill kills the process if it still belongs to root. The handle comes first
// and the check second: what is killed is then what was checked, even if the
// process id went to another process meanwhile.
func kill(pid int, root string) {
	handle, err := os.FindProcess(pid)
	if err != nil {
		return
	}
	defer func() { _ = handle.Release() }()
	if _, ok := read(pid, root); ok {
		// Should it fail, the process is found again.
		_ = handle.Kill()
	}
}

func names(processes []Process) string {
	var list []string
	for _, p := range processes {
		list = append(list, fmt.Sprintf("%s (%d)", p.Name(), p.PID))
	}
	return strings.Join(list, ", ")
}
