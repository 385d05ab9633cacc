package sweep

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	. "github.com/onsi/gomega"
)

const helperVariable = "CAPT_SWEEP_HELPER"

// TestMain lets the test binary be a process to find, one that is hard to end.
func TestMain(m *testing.M) {
	if os.Getenv(helperVariable) != "" {
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
		fmt.Println("running")
		for {
			_ = syscall.Pause() // without cgo, Go calls a select of nothing a deadlock
		}
	}
	os.Exit(m.Run())
}

// helper starts a process of its own session and returns its id.
func helper(t *testing.T, variables []string, args ...string) int {
	t.Helper()
	g := NewWithT(t)
	self, err := os.Executable()
	g.Expect(err).NotTo(HaveOccurred())
	cmd := exec.Command(self, args...)
	cmd.Env = append(variables, helperVariable+"=yes")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	stdout, err := cmd.StdoutPipe()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(cmd.Start()).To(Succeed())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	_, err = bufio.NewReader(stdout).ReadString('\n')
	g.Expect(err).NotTo(HaveOccurred())
	return cmd.Process.Pid
}

func pids(processes []Process) []int {
	var ids []int
	for _, p := range processes {
		ids = append(ids, p.PID)
	}
	return ids
}

func TestEndKillsExactlyTheProcessesOfARoot(t *testing.T) {
	g := NewWithT(t)
	root := filepath.Join(t.TempDir(), "capt-sweep")
	byArgument := helper(t, nil, "--data-dir="+root+"/data")
	byVariable := helper(t, []string{"DATA_DIR=" + root})
	neighbour := helper(t, nil, "--data-dir="+root+"1/data")

	found, err := Find(root)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(pids(found)).To(ConsistOf(byArgument, byVariable))
	g.Expect(found[0].Parent).To(Equal(os.Getpid()))
	g.Expect(found[0].Name()).To(Equal(filepath.Base(os.Args[0])))

	g.Expect(EndStrays(root)).To(Succeed())
	g.Expect(Find(root)).To(HaveLen(2), "both are children of this process")
	g.Expect(End(root)).To(Succeed())
	g.Expect(Find(root)).To(BeEmpty())
	g.Expect(Find(root + "1")).To(HaveLen(1))
	g.Expect(neighbour).NotTo(BeZero())
}

func TestACgroupEndsWithWhatIsInIt(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root makes cgroups")
	}
	g := NewWithT(t)
	root := filepath.Join(t.TempDir(), fmt.Sprintf("capt-sweep-%d", os.Getpid()))
	g.Expect(MakeCgroup(root)).To(Succeed())
	t.Cleanup(func() { g.Expect(RemoveCgroup(root)).To(Succeed(), "it is no error if there is none") })
	dirs, err := cgroupDirs(root)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(dirs).NotTo(BeEmpty())
	for _, dir := range dirs {
		g.Expect(os.Mkdir(filepath.Join(dir, "below"), 0o755)).To(Succeed())
	}
	pid := helper(t, nil)
	procs := filepath.Join(dirs[len(dirs)-1], "below", "cgroup.procs")
	g.Expect(os.WriteFile(procs, []byte(strconv.Itoa(pid)), 0o600)).To(Succeed())

	found, err := Find(root)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(pids(found)).To(ConsistOf(pid))
	g.Expect(End(root)).To(Succeed())
	g.Expect(RemoveCgroup(root)).To(Succeed())
	for _, dir := range dirs {
		g.Expect(dir).NotTo(BeADirectory())
	}
}

func TestMounts(t *testing.T) {
	g := NewWithT(t)
	g.Expect(mounts()).To(ContainElement(mount{point: "/proc", fsType: "proc"}))
	g.Expect(unescape(`/a\040b\134c`)).To(Equal(`/a b\c`))
	g.Expect(Unmount(t.TempDir())).To(Succeed(), "nothing is mounted there")
}

func TestMentions(t *testing.T) {
	const root = "/tmp/root"
	for data, want := range map[string]bool{
		"":                                 false,
		"--dir=/tmp/root":                  true,
		"/tmp/root/etcd\x00--x":            true,
		"A=1\x00B=/tmp/root\x00C=2":        true,
		"PATH=/bin:/tmp/root:/usr/bin":     true,
		"--dir=/tmp/root1":                 false,
		"--dir=/tmp/root-a/b":              false,
		"--dir=/tmp/roo":                   false,
		"--a=/tmp/root1\x00--b=/tmp/root/": true,
	} {
		t.Run(data, func(t *testing.T) {
			NewWithT(t).Expect(mentions([]byte(data), root)).To(Equal(want))
		})
	}
}

func TestParent(t *testing.T) {
	g := NewWithT(t)
	g.Expect(Parent(os.Getpid())).To(Equal(os.Getppid()))
	_, err := Parent(0)
	g.Expect(err).To(MatchError(os.ErrNotExist))
}
