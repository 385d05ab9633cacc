package node

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// cniDir is where Debian's containernetworking-plugins are.
const cniDir = "/usr/lib/cni"

// needed are the programs that are not built from Go modules, each with the
// Debian package that has it. An runc that is built without libseccomp refuses
// the default seccomp profile.
var needed = []struct{ program, pkg string }{
	{"runc", "runc"},
	{filepath.Join(cniDir, "bridge"), "containernetworking-plugins"},
	{filepath.Join(cniDir, "host-local"), "containernetworking-plugins"},
	{filepath.Join(cniDir, "loopback"), "containernetworking-plugins"},
	{"ip", "iproute2"},
}

// checkMachine says in one line what the machine lacks.
func checkMachine() error {
	if os.Geteuid() != 0 {
		return errors.New("a real node needs root")
	}
	var missing []string
	for _, n := range needed {
		if _, err := exec.LookPath(n.program); err != nil {
			missing = append(missing, fmt.Sprintf("%s (Debian package %s)", filepath.Base(n.program), n.pkg))
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("a real node needs %s", strings.Join(missing, ", "))
	}
	return nil
}
