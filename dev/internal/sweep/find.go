package sweep

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// procfs is where the kernel shows processes.
const procfs = "/proc"

// Process is a running process.
type Process struct {
	PID int
	// Parent is the process id of its parent: 1, or that of a supervisor, for
	// one that outlived its starter.
	Parent int
	// Command is how it was started, its arguments joined by spaces. It may be
	// secret and is not for logs.
	Command string
}

// Name is the file name of the program.
func (p Process) Name() string {
	program, _, _ := strings.Cut(p.Command, " ")
	return filepath.Base(program)
}

// Find returns the processes of the environment with this root, the calling
// one left out. A process that ends meanwhile is no error.
func Find(root string) ([]Process, error) {
	entries, err := os.ReadDir(procfs)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var found []Process
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() || !own(entry) {
			continue
		}
		if p, ok := read(pid, root); ok {
			found = append(found, p)
		}
	}
	return found, nil
}

// own tells whether the process behind an entry of procfs is ours to look at.
// For root all are: containers run as users of their own.
func own(entry fs.DirEntry) bool {
	if os.Geteuid() == 0 {
		return true
	}
	info, err := entry.Info()
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// read returns the process if it belongs to root. A zombie has no
// arguments and belongs to nothing.
func read(pid int, root string) (Process, bool) {
	dir := filepath.Join(procfs, strconv.Itoa(pid))
	args, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil || len(args) == 0 {
		return Process{}, false
	}
	if !mentions(args, root) && !holds(dir, "environ", root) && !holds(dir, "cgroup", Cgroup(root)) {
		return Process{}, false
	}
	parent, err := Parent(pid)
	if err != nil {
		return Process{}, false
	}
	command := strings.ReplaceAll(strings.TrimRight(string(args), "\x00"), "\x00", " ")
	return Process{PID: pid, Parent: parent, Command: command}, true
}

// holds tells whether a file of a process mentions the path.
func holds(dir, file, path string) bool {
	content, err := os.ReadFile(filepath.Join(dir, file))
	return err == nil && mentions(content, path)
}

// mentions tells whether data holds the path root, or one below it. A path
// that root is only the beginning of is another one: /tmp/a1 is not /tmp/a12.
func mentions(data []byte, root string) bool {
	for {
		at := bytes.Index(data, []byte(root))
		if at < 0 {
			return false
		}
		data = data[at+len(root):]
		if len(data) == 0 || !partOfName(data[0]) {
			return true
		}
	}
}

func partOfName(c byte) bool {
	return c == '-' || c == '_' || c == '.' ||
		'0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// Parent is the process id of a process's parent: field 4 of /proc/<pid>/stat
// (proc_pid_stat(5)). Field 2 is the program's name in parentheses and may
// itself hold both spaces and parentheses, so counting starts after the last
// one.
func Parent(pid int) (int, error) {
	content, err := os.ReadFile(filepath.Join(procfs, strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, err
	}
	line := string(content)
	fields := strings.Fields(line[strings.LastIndex(line, ")")+1:])
	if len(fields) < 2 {
		return 0, fmt.Errorf("unexpected process status %q", line)
	}
	return strconv.Atoi(fields[1])
}
