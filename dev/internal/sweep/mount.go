package sweep

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// mount is one line of /proc/self/mountinfo (proc_pid_mountinfo(5)).
type mount struct {
	point, fsType string
}

// Unmount detaches what is mounted below the root directory, as this process
// sees it, so that removing the directory removes nothing of anybody else.
func Unmount(root string) error {
	root, err := filepath.EvalSymlinks(root)
	if err != nil {
		return fmt.Errorf("look for mounts: %w", err)
	}
	all, err := mounts()
	if err != nil {
		return err
	}
	// What was mounted last may hide what was mounted first.
	for _, m := range slices.Backward(all) {
		if !strings.HasPrefix(m.point, root+"/") {
			continue
		}
		if unmountErr := unix.Unmount(m.point, unix.MNT_DETACH); unmountErr != nil {
			err = errors.Join(err, fmt.Errorf("unmount %s: %w", m.point, unmountErr))
		}
	}
	return err
}

func mounts() ([]mount, error) {
	content, err := os.ReadFile(filepath.Join(procfs, "self", "mountinfo"))
	if err != nil {
		return nil, fmt.Errorf("list mounts: %w", err)
	}
	var found []mount
	for line := range strings.Lines(string(content)) {
		place, device, _ := strings.Cut(line, " - ")
		places, devices := strings.Fields(place), strings.Fields(device)
		if len(places) < 5 || len(devices) == 0 {
			return nil, fmt.Errorf("list mounts: unexpected line %q", line)
		}
		found = append(found, mount{point: unescape(places[4]), fsType: devices[0]})
	}
	return found, nil
}

// unescape undoes how the kernel writes white space and backslashes.
func unescape(path string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(path)
}
