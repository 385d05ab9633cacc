package cluster

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// lockInterval is how often a lock that somebody holds is tried again.
const lockInterval = 50 * time.Millisecond

// lock waits until nobody else holds the file path and returns it locked; the file and its folder are made when
// missing. The lock ends with the last descriptor of the file, so it cannot outlive its holders.
func lock(ctx context.Context, path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	var locked *os.File
	err := poll(ctx, lockInterval, func() (bool, error) {
		var err error
		locked, err = tryLock(path)
		return locked != nil, err
	})
	return locked, err
}

// tryLock returns no file when somebody else holds it.
func tryLock(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil && isAt(file, path) {
		return file, nil
	}
	_ = file.Close()
	if err == nil || errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, nil
	}
	return nil, &os.PathError{Op: "lock", Path: path, Err: err}
}

// isAt tells whether the open file is still the one at path. The holder before removed it.
func isAt(file *os.File, path string) bool {
	opened, err := file.Stat()
	if err != nil {
		return false
	}
	present, err := os.Stat(path)
	return err == nil && os.SameFile(opened, present)
}

// unlock removes the file first: who opened it meanwhile sees that and tries again.
func unlock(file *os.File) {
	_ = os.Remove(file.Name())
	_ = file.Close()
}
