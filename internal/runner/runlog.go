package runner

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/captproject/capt/internal/tofu"
)

// maxLogged is the longest detail of one diagnostic in the log, in bytes.
const maxLogged = 4 << 10

// runLog is the log of a run, for people. It never fails: a run goes on although
// nobody can be told.
type runLog struct {
	mu    sync.Mutex
	file  *os.File
	clean func(string) string
}

func openLog(path string, clean func(string) string) (*runLog, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the log of the run: %w", err)
	}
	return &runLog{file: file, clean: clean}, nil
}

func (l *runLog) close() { _ = l.file.Close() }

// printf writes one line.
func (l *runLog) printf(format string, args ...any) {
	text := strings.ReplaceAll(strings.TrimSpace(l.clean(fmt.Sprintf(format, args...))), "\n", "\n    ")
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = fmt.Fprintf(l.file, "%s %s\n", time.Now().UTC().Format(time.RFC3339), text)
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
