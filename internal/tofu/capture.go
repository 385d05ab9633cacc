package tofu

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

const (
	// maxLine is the longest line of a stream that is looked at. Longer ones
	// are states or outputs, which we do not want.
	maxLine = 1 << 20
	// maxStderr is how much of the end of standard error is kept.
	maxStderr = 16 << 10
	// maxDocument is the largest result of a command that prints one document.
	maxDocument = 64 << 20
)

// capture is a file in memory that a child process writes to. Unlike a pipe it
// never breaks and never fills up.
type capture struct {
	file *os.File
	// next is where reading goes on; what was read before is given back to
	// the system.
	next int64
	// line is the beginning of a line whose end has not been written yet.
	line []byte
	// skip is set within a line that is too long.
	skip bool
}

func newCapture(name string) (*capture, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("creating a file in memory: %w", err)
	}
	return &capture{file: os.NewFile(uintptr(fd), name)}, nil
}

func (c *capture) close() { _ = c.file.Close() }

// lines calls each with every complete line written since the last call.
func (c *capture) lines(each func([]byte)) error {
	buf := make([]byte, 64<<10)
	for {
		n, err := c.file.ReadAt(buf, c.next)
		c.next += int64(n)
		c.split(buf[:n], each)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("reading what OpenTofu wrote: %w", err)
		}
	}
	// A module that prints without end must not fill the memory. Where holes
	// cannot be punched, that is how it is.
	_ = unix.Fallocate(int(c.file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, c.next)
	return nil
}

func (c *capture) split(data []byte, each func([]byte)) {
	for len(data) > 0 {
		part, rest, ended := bytes.Cut(data, []byte("\n"))
		data = rest
		c.skip = c.skip || len(c.line)+len(part) > maxLine
		if c.skip {
			c.line = nil
		} else {
			c.line = append(c.line, part...)
		}
		if !ended {
			return
		}
		if len(c.line) > 0 {
			each(c.line)
		}
		c.line, c.skip = c.line[:0], false
	}
}

// tail is the last n bytes written.
func (c *capture) tail(n int64) string {
	info, err := c.file.Stat()
	if err != nil {
		return ""
	}
	start := max(0, info.Size()-n)
	data := make([]byte, info.Size()-start)
	read, _ := c.file.ReadAt(data, start)
	return string(data[:read])
}

// tellsOutOfMemory tells whether a Go program has written, before anything else,
// that it got no more memory.
func (c *capture) tellsOutOfMemory() bool {
	begin := make([]byte, 4<<10)
	read, _ := c.file.ReadAt(begin, 0)
	return bytes.Contains(begin[:read], []byte("out of memory")) || bytes.Contains(begin[:read], []byte("cannot allocate memory"))
}

// document is all that was written.
func (c *capture) document() ([]byte, error) {
	data, err := io.ReadAll(io.NewSectionReader(c.file, 0, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("reading what OpenTofu wrote: %w", err)
	}
	if len(data) > maxDocument {
		return nil, fmt.Errorf("OpenTofu wrote more than %d MiB", maxDocument>>20)
	}
	return data, nil
}
