package testkit

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/captproject/capt/test/localkube/internal/process"
)

// Processes maps the processes that have the directory in an argument to the names of their programs. It relies on
// nothing that the tested code recorded, as whoever cleans up after localkube.
func Processes(dir string) map[process.Identity]string {
	found := map[process.Identity]string{}
	commandLines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range commandLines {
		content, err := os.ReadFile(path)
		program, arguments, _ := strings.Cut(string(content), "\x00")
		if err != nil || !strings.Contains(arguments, dir) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue
		}
		if identity, err := process.Find(pid); err == nil && identity.Running() {
			found[identity] = filepath.Base(program)
		}
	}
	return found
}

// EndProcesses kills the processes that have the directory in an argument.
func EndProcesses(dir string) error {
	for identity := range Processes(dir) {
		if err := identity.Stop(0); err != nil {
			return err
		}
	}
	return nil
}
