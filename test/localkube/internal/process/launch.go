package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// launchCommand is the first argument of a program that was started to become another one.
const launchCommand = "launch"

// File descriptors of the launcher, in the order of exec.Cmd.ExtraFiles.
const (
	holdFD   = 3
	reportFD = 4
)

// Command is a program to start detached. All paths are absolute.
type Command struct {
	Program string
	Args    []string
	// Dir is the working directory.
	Dir string
	// Log is the file for standard output and error, emptied first.
	Log string
	// Record is the file for the process's Identity. It appears in the launcher's arguments.
	Record string
	// Hold stays open until the record is written, even if the caller is killed meanwhile.
	Hold *os.File
}

// Child is a started program. Should its starter live on, it also collects the program's exit status.
type Child struct {
	exited chan struct{}
	err    error
}

// Exited is closed when the program has ended.
func (c *Child) Exited() <-chan struct{} { return c.exited }

// Err is why the program ended; only valid after Exited.
func (c *Child) Err() error { return c.err }

// Launch starts the program in a session of its own, with an empty environment, and returns when it is recorded. The
// calling program must call RunIfLaunched first thing in main.
func Launch(c Command) (*Child, error) {
	log, err := os.OpenFile(c.Log, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	report, reportWriter, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = report.Close() }()

	// /proc/self/exe: the launcher must be this very program, also when its file was replaced or deleted.
	cmd := exec.Command("/proc/self/exe", append([]string{launchCommand, c.Record, c.Program}, c.Args...)...)
	cmd.Env = []string{}
	cmd.Dir = c.Dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{c.Hold, reportWriter}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	_ = reportWriter.Close()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", c.Program, err)
	}
	child := &Child{exited: make(chan struct{})}
	go func() {
		child.err = cmd.Wait()
		close(child.exited)
	}()

	// The pipe ends when the launcher has become the program, or has failed and said why.
	problem, err := io.ReadAll(report)
	if err == nil && len(problem) > 0 {
		err = errors.New(string(problem))
	}
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", c.Program, err)
	}
	return child, nil
}

// RunIfLaunched turns the calling process into the program it was launched for, and returns only when it was started
// for something else.
func RunIfLaunched() {
	if len(os.Args) < 4 || os.Args[1] != launchCommand {
		return
	}
	syscall.CloseOnExec(holdFD)
	syscall.CloseOnExec(reportFD)
	record, program := os.Args[2], os.Args[3]
	err := writeRecord(record)
	if err == nil {
		err = syscall.Exec(program, os.Args[3:], []string{})
	}
	_, _ = fmt.Fprint(os.NewFile(reportFD, "report"), err)
	os.Exit(1)
}

func writeRecord(path string) error {
	self, err := Find(os.Getpid())
	if err != nil {
		return err
	}
	content, err := json.Marshal(self)
	if err != nil {
		return err
	}
	temporary := path + ".new"
	if err := os.WriteFile(temporary, content, 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
