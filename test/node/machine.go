package node

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// apiServerAddress is where the API server listens. It is also the address
	// of the Service kubernetes.default, the first of the default range of
	// envtest's kube-apiserver, so that pods reach it with nothing in between.
	apiServerAddress = "10.0.0.1"
	apiServerPort    = "443"

	// bridge connects the pods.
	bridge = "cni0"

	// runDir is where containerd and the pod network keep what a reboot loses.
	runDir = "/run"
)

// kernelSettings are what the kubelet wants of the machine's kernel. It is shown
// them rather than allowed to make them.
var kernelSettings = map[string]string{
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/keys/root_maxbytes": "25000000",
}

// prepareMachine makes the namespaces of this process the machine of a node.
func prepareMachine() error {
	if err := command("ip", "link", "set", "lo", "up"); err != nil {
		return err
	}
	if err := command("ip", "address", "add", apiServerAddress+"/32", "dev", "lo"); err != nil {
		return err
	}
	if err := mountRunDir(); err != nil {
		return err
	}
	if err := coverVar(); err != nil {
		return err
	}
	return coverKernelSettings()
}

// mountRunDir hides the machine's /run behind an empty one.
func mountRunDir() error {
	if err := unix.Mount("tmpfs", runDir, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount a %s of our own: %w", runDir, err)
	}
	return nil
}

// coverVar puts a layer over /var that takes up what is written there: kubelet,
// libcni and others have paths in it that cannot be changed.
func coverVar() error {
	layer, err := memory()
	if err != nil {
		return err
	}
	upper, work := filepath.Join(layer, "upper"), filepath.Join(layer, "work")
	for _, dir := range []string{upper, work} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return fmt.Errorf("cover /var: %w", err)
		}
	}
	if err := unix.Mount("overlay", "/var", "overlay", 0, "lowerdir=/var,upperdir="+upper+",workdir="+work); err != nil {
		return fmt.Errorf("cover /var: %w", err)
	}
	return unix.Unmount(layer, unix.MNT_DETACH)
}

func coverKernelSettings() error {
	dir, err := memory()
	if err != nil {
		return err
	}
	for name, value := range kernelSettings {
		shown := filepath.Join(dir, filepath.Base(name))
		if err := os.WriteFile(shown, []byte(value+"\n"), 0o444); err != nil {
			return fmt.Errorf("cover a kernel setting: %w", err)
		}
		if err := unix.Mount(shown, filepath.Join("/proc/sys", name), "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("cover the kernel setting %s: %w", name, err)
		}
	}
	return unix.Unmount(dir, unix.MNT_DETACH)
}

// memory mounts a file system in memory where nobody else uses it. Once what is
// in it is mounted elsewhere, it can be unmounted.
func memory() (string, error) {
	const dir = "/mnt"
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"); err != nil {
		return "", fmt.Errorf("mount a file system in memory: %w", err)
	}
	return dir, nil
}

// resetMachine loses what a machine that is switched off loses.
func resetMachine() error {
	// Without a pod yet there is none.
	_ = command("ip", "link", "delete", bridge)
	if err := unix.Unmount(runDir, unix.MNT_DETACH); err != nil {
		return fmt.Errorf("empty %s: %w", runDir, err)
	}
	return mountRunDir()
}

func command(name string, args ...string) error {
	if output, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(output)))
	}
	return nil
}
