package process

import (
	"os"
	"os/signal"
	"syscall"
	"testing"
)

// TestMain lets the test binary play the launched program.
func TestMain(m *testing.M) {
	RunIfLaunched()
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "run":
			select {}
		case "ignore-term":
			signal.Ignore(syscall.SIGTERM)
			_ = os.WriteFile("ignoring", nil, 0o600)
			_ = syscall.Pause() // without cgo, Go calls a select of nothing a deadlock
		case "fail":
			os.Exit(3)
		}
	}
	os.Exit(m.Run())
}
