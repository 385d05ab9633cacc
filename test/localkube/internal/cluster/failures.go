package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// failFirst is the error of a creation that was asked to fail, which is kept count of in a file.
func failFirst(file string, wanted int64) error {
	if wanted <= 0 {
		return nil
	}
	failed, err := readCount(file)
	if err != nil {
		return err
	}
	if failed >= wanted {
		return nil
	}
	failed++
	if err := os.WriteFile(file, []byte(strconv.FormatInt(failed, 10)), 0o600); err != nil {
		return err
	}
	return fmt.Errorf("failure %d of the %d that fail_first asks for; nothing was started", failed, wanted)
}

// readCount takes a missing file for 0.
func readCount(file string) (int64, error) {
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	count, err := strconv.ParseInt(strings.TrimSpace(string(content)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading the count of failures in %s: %w", file, err)
	}
	return count, nil
}
