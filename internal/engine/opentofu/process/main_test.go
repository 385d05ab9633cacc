package process

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"

	"github.com/captproject/capt/internal/runner"
)

// addressVariable makes the test binary a runner that does what the test at this
// address says.
const addressVariable = "CAPT_TEST_RUNNER"

func TestMain(m *testing.M) {
	if address := os.Getenv(addressVariable); address != "" {
		os.Exit(obey(address))
	}
	SetDefaultEventuallyTimeout(30 * time.Second)
	os.Exit(m.Run())
}

// hello is what a runner says of itself.
type hello struct {
	PID, Session int
	Args         []string
}

// order is what a runner is to do before it ends.
type order struct {
	// Result is written, if there is one.
	Result *runner.Result
	// Files are written: content by path in the run's directory.
	Files map[string]string
}

// obey is the runner. It ends with the test in any case.
func obey(address string) int {
	conn, err := net.Dial("unix", address)
	if err != nil {
		return 1
	}
	session, err := unix.Getsid(0)
	if err != nil {
		return 1
	}
	if err := json.NewEncoder(conn).Encode(hello{PID: os.Getpid(), Session: session, Args: os.Args[1:]}); err != nil {
		return 1
	}
	var todo order
	if err := json.NewDecoder(conn).Decode(&todo); err != nil {
		return 1
	}
	if todo.Result != nil {
		result, err := json.Marshal(todo.Result)
		if err != nil {
			return 1
		}
		todo.Files = map[string]string{"result.json": string(result)}
	}
	for name, content := range todo.Files {
		if err := os.WriteFile(filepath.Join(argument("--dir="), name), []byte(content), 0o600); err != nil {
			return 1
		}
	}
	return 0
}

func argument(prefix string) string {
	for _, arg := range os.Args {
		if value, ok := strings.CutPrefix(arg, prefix); ok {
			return value
		}
	}
	return ""
}
