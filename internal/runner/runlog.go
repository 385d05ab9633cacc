package runner

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/captproject/capt/internal/tofu"
)

const (
	// maxLogged is the longest detail of one diagnostic in the log, in bytes.
	maxLogged = 4 << 10
	// maxLog is about how much the file takes, in bytes, and whoever reads along,
	// which is a file too: a module that talks without end must not fill the disk.
	// The end is remembered in any case.
	maxLog = 8 << 20
)

// runLog is the log of a run, for people. It never fails: a run goes on although
// nobody can be told.
type runLog struct {
	mu    sync.Mutex
	file  *os.File
	also  io.Writer // nil is nobody
	clean func(string) string
	// written is how much of the file there is, in bytes.
	written int
	// end is what was logged last, at most twice maxLogTail.
	end []byte
}

func openLog(path string, also io.Writer, clean func(string) string) (*runLog, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the log of the run: %w", err)
	}
	return &runLog{file: file, also: also, clean: clean}, nil
}

func (l *runLog) close() { _ = l.file.Close() }

// printf writes one line.
func (l *runLog) printf(format string, args ...any) {
	text := strings.ReplaceAll(strings.TrimSpace(l.clean(fmt.Sprintf(format, args...))), "\n", "\n    ")
	l.mu.Lock()
	defer l.mu.Unlock()
	line := fmt.Appendf(nil, "%s %s\n", time.Now().UTC().Format(time.RFC3339), text)
	if l.end = append(l.end, line...); len(l.end) > 2*maxLogTail {
		l.end = slices.Clone(lastBytes(l.end, maxLogTail))
	}
	if l.written > maxLog {
		return
	}
	if l.written += len(line); l.written > maxLog {
		line = append(line, "(the rest is not kept here)\n"...)
	}
	_, _ = l.file.Write(line)
	if l.also != nil {
		_, _ = l.also.Write(line)
	}
}

// tail is the end of the log.
func (l *runLog) tail() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(lastBytes(l.end, maxLogTail))
}

// message writes what a person wants to see of OpenTofu's messages. What
// provisioners print is not among it.
func (l *runLog) message(m tofu.Message) {
	switch m.Type {
	case tofu.TypeDiagnostic:
		if m.Diagnostic != nil {
			l.printf("%s: %s", m.Diagnostic.Severity, describe(*m.Diagnostic, maxLogged, l.clean))
		}
	case "", tofu.TypePlannedChange, tofu.TypeChangeSummary,
		tofu.TypeApplyStart, tofu.TypeApplyProgress, tofu.TypeApplyComplete, tofu.TypeApplyErrored:
		l.printf("%s", m.Text)
	}
}
