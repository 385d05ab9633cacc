package process

import (
	"os"
	"os/exec"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

func TestParseStat(t *testing.T) {
	const rest = " 1 7 7 0 -1 4194560 9 8 7 6 5 4 3 2 20 0 1 0 987654 8192 12 18446744073709551615"
	tests := []struct {
		name, line string
		state      byte
		startTime  uint64
		fails      bool
	}{
		{name: "plain", line: "7 (etcd) S" + rest, state: 'S', startTime: 987654},
		{name: "name with spaces and parentheses", line: "7 (a) Z (b) 1) R" + rest, state: 'R', startTime: 987654},
		{name: "zombie", line: "7 (etcd) Z" + rest, state: 'Z', startTime: 987654},
		{name: "cut off", line: "7 (etcd) S 1 7 7", fails: true},
		{name: "no number", line: "7 (x) S 1 7 7 0 -1 4194560 9 8 7 6 5 4 3 2 20 0 1 0 soon 8192", fails: true},
		{name: "empty", fails: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := NewWithT(t)
			state, startTime, err := parseStat(test.line)
			if test.fails {
				g.Expect(err).To(HaveOccurred())
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(state).To(Equal(test.state))
			g.Expect(startTime).To(Equal(test.startTime))
		})
	}
}

func TestRunningNeedsPIDAndStartTime(t *testing.T) {
	g := NewWithT(t)
	self, err := Find(os.Getpid())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(self.PID).To(Equal(os.Getpid()))
	g.Expect(self.Running()).To(BeTrue())
	g.Expect(Identity{PID: self.PID, StartTime: self.StartTime + 1}.Running()).To(BeFalse())
}

func TestAZombieDoesNotRun(t *testing.T) {
	g := NewWithT(t)
	program, err := os.Executable()
	g.Expect(err).NotTo(HaveOccurred())
	cmd := exec.Command(program, "fail")
	g.Expect(cmd.Start()).To(Succeed())
	defer func() { _ = cmd.Wait() }()
	// Nobody collects it before the end of the test, so its id stays its own.
	identity, err := Find(cmd.Process.Pid)
	g.Expect(err).NotTo(HaveOccurred())
	g.Eventually(identity.Running).WithTimeout(time.Minute).Should(BeFalse())
}

func TestReadRecord(t *testing.T) {
	g := NewWithT(t)
	path := t.TempDir() + "/record"
	_, err := ReadRecord(path)
	g.Expect(err).To(MatchError(os.ErrNotExist))

	g.Expect(os.WriteFile(path, []byte("{"), 0o600)).To(Succeed())
	_, err = ReadRecord(path)
	g.Expect(err).To(MatchError(ContainSubstring(path)))

	g.Expect(writeRecord(path)).To(Succeed())
	self, err := Find(os.Getpid())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(ReadRecord(path)).To(Equal(self))
}
