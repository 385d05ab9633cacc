package toolbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// lockPoll is how often a lock that another process holds is tried again.
// Waiting in flock itself could not be cancelled.
const lockPoll = 200 * time.Millisecond

// lock takes the build lock of the cache. The kernel frees it when its holder
// ends, however that happens. busy is called once when somebody else has it.
func (b *box) lock(ctx context.Context, busy func()) (unlock func(), err error) {
	file, err := os.OpenFile(filepath.Join(b.cache, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the build lock: %w", err)
	}
	if err := waitForLock(ctx, file, busy); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("take the build lock %s: %w", file.Name(), err)
	}
	return func() { _ = file.Close() }, nil
}

func waitForLock(ctx context.Context, file *os.File, busy func()) error {
	ticker := time.NewTicker(lockPoll)
	defer ticker.Stop()
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return err
		}
		busy()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}
