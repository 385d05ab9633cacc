package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// pollInterval is how often a process that was told to end is looked at. Its end cannot be waited for: it is usually
// not a child of ours.
const pollInterval = 20 * time.Millisecond

// killBound is how long the kernel may take to end a process after SIGKILL.
const killBound = 10 * time.Second

// Identity names one process, also after its process id was given to another one.
type Identity struct {
	PID int `json:"pid"`
	// StartTime is in clock ticks since boot, field 22 of /proc/<pid>/stat.
	StartTime uint64 `json:"startTime"`
}

// Find is the identity of the process that has the id now.
func Find(pid int) (Identity, error) {
	_, start, err := readStat(pid)
	return Identity{PID: pid, StartTime: start}, err
}

// ReadRecord returns the identity in the file path. A missing file gives an error that is fs.ErrNotExist.
func ReadRecord(path string) (Identity, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return Identity{}, err
	}
	var id Identity
	if err := json.Unmarshal(content, &id); err != nil {
		return Identity{}, fmt.Errorf("reading the process record %s: %w", path, err)
	}
	return id, nil
}

// Running tells whether this very process exists and has not ended. A zombie has ended: its parent may never collect
// it.
func (i Identity) Running() bool {
	state, start, err := readStat(i.PID)
	return err == nil && start == i.StartTime && state != 'Z' && state != 'X'
}

// Stop ends the process: SIGTERM, then SIGKILL when it still runs after grace. It returns when the process has ended,
// and at once when it has ended before.
func (i Identity) Stop(grace time.Duration) error {
	// The handle comes first and the check second: what the handle signals is then what was checked.
	handle, err := os.FindProcess(i.PID)
	if err != nil {
		return fmt.Errorf("opening process %d: %w", i.PID, err)
	}
	defer func() { _ = handle.Release() }()
	if !i.Running() {
		return nil
	}
	if err := i.signal(handle, syscall.SIGTERM); err != nil {
		return err
	}
	if i.endsWithin(grace) {
		return nil
	}
	if err := i.signal(handle, syscall.SIGKILL); err != nil {
		return err
	}
	if !i.endsWithin(killBound) {
		return fmt.Errorf("process %d still runs %s after SIGKILL", i.PID, killBound)
	}
	return nil
}

func (i Identity) signal(handle *os.Process, signal syscall.Signal) error {
	if err := handle.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("sending %s to process %d: %w", signal, i.PID, err)
	}
	return nil
}

func (i Identity) endsWithin(bound time.Duration) bool {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	late := time.After(bound)
	for i.Running() {
		select {
		case <-tick.C:
		case <-late:
			return !i.Running()
		}
	}
	return true
}

func readStat(pid int) (state byte, startTime uint64, err error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	return parseStat(string(content))
}

// parseStat reads a line of /proc/<pid>/stat (proc_pid_stat(5)). Its second field is the program's name in parentheses
// and may itself hold spaces and parentheses, so counting starts after the last one.
func parseStat(line string) (state byte, startTime uint64, err error) {
	const stateField, startTimeField = 3, 22
	fields := strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
	if len(fields) <= startTimeField-stateField {
		return 0, 0, fmt.Errorf("unexpected process status %q", line)
	}
	startTime, err = strconv.ParseUint(fields[startTimeField-stateField], 10, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("unexpected start time in process status %q: %w", line, err)
	}
	return fields[0][0], startTime, nil
}
