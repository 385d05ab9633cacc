package cluster

import (
	"io"
	"os"
	"strings"
)

const (
	tailLines = 15
	tailBytes = 8 << 10
	lineBytes = 300
)

// logTail is the last lines of a log, for a diagnostic. The programs do not log secrets. Problems with reading are
// told in place of the lines: they must not hide the failure that the log belongs to.
func logTail(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = file.Close() }()
	if info, err := file.Stat(); err == nil && info.Size() > tailBytes {
		_, _ = file.Seek(-tailBytes, io.SeekEnd)
	}
	content, err := io.ReadAll(file)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	lines = lines[max(0, len(lines)-tailLines):]
	for i, line := range lines {
		if len(line) > lineBytes {
			lines[i] = line[:lineBytes] + "…"
		}
	}
	return strings.Join(lines, "\n")
}
