package tofu

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

func TestNothingIsInherited(t *testing.T) {
	g := NewWithT(t)
	t.Setenv("TF_VAR_secret", "inherited")
	cli, texts := fakeCLI(t, "env")
	g.Expect(cli.Init(context.Background(), InitOptions{})).To(Succeed())
	g.Expect(*texts).To(Equal([]string{fakeVariable + "=env"}))
}

func TestWhatIsNoMessageGoesNowhere(t *testing.T) {
	g := NewWithT(t)
	cli, texts := fakeCLI(t, "garbage")
	g.Expect(cli.Init(context.Background(), InitOptions{})).To(Succeed())
	g.Expect(*texts).To(Equal([]string{"Outputs: 1"}))
}

func TestAPlanIsKnownInFull(t *testing.T) {
	g := NewWithT(t)
	cli, _ := fakeCLI(t, "plan")
	plan, err := cli.Plan(t.Context(), PlanOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(plan.Changes).To(HaveLen(2))

	cli, _ = fakeCLI(t, "lost")
	_, err = cli.Plan(t.Context(), PlanOptions{})
	g.Expect(err).To(MatchError("tofu plan: exit status 2, but it told of other changes than it has counted: see that it is OpenTofu 1.12"))
}

func TestStderrIsBounded(t *testing.T) {
	g := NewWithT(t)
	cli, _ := fakeCLI(t, "stderr")
	var failed *Error
	g.Expect(cli.Init(context.Background(), InitOptions{})).To(BeAssignableToTypeOf(failed))
	err := cli.Init(context.Background(), InitOptions{})
	g.Expect(err).To(MatchError("tofu init: exit status 3"))
	g.Expect(err.(*Error).Stderr).To(And(HaveLen(maxStderr), HaveSuffix("the end")))
}

func TestOwnSession(t *testing.T) {
	g := NewWithT(t)
	cli, texts := fakeCLI(t, "session")
	g.Expect(cli.Init(context.Background(), InitOptions{})).To(Succeed())
	g.Expect(*texts).To(Equal([]string{"true"}))
}

func TestInterruptedOnceAndWaitedFor(t *testing.T) {
	g := NewWithT(t)
	ctx, cancel := context.WithCancel(context.Background())
	cli, texts := fakeCLI(t, "interrupt")
	cli.Grace = time.Minute
	cli.Follow = func(m Message) {
		*texts = append(*texts, m.Text)
		if m.Text == "ready" {
			cancel()
		}
	}
	err := cli.Apply(ctx, ApplyOptions{})
	g.Expect(err).To(MatchError("tofu apply: exit status 1 (interrupted)"))
	g.Expect(*texts).To(Equal([]string{"ready", "interrupted"}))
}

func TestKilledAfterTheGrace(t *testing.T) {
	g := NewWithT(t)
	ctx, cancel := context.WithCancel(context.Background())
	cli, _ := fakeCLI(t, "stubborn")
	cli.Follow = func(Message) { cancel() }
	_, err := cli.Plan(ctx, PlanOptions{})
	g.Expect(err).To(MatchError("tofu plan: signal: killed (it did not end in time)"))
}

func TestNotStartedWhenTooLate(t *testing.T) {
	g := NewWithT(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	cli, _ := fakeCLI(t, "env")
	g.Expect(cli.Init(ctx, InitOptions{})).To(MatchError(context.Canceled))
}

func TestProgramThatIsMissing(t *testing.T) {
	g := NewWithT(t)
	cli := CLI{Path: "/nowhere/tofu", Dir: t.TempDir()}
	g.Expect(cli.Init(context.Background(), InitOptions{})).To(MatchError(os.ErrNotExist))
}

func TestErrorNamesTheDiagnostics(t *testing.T) {
	g := NewWithT(t)
	err := &Error{Command: "plan", Status: "exit status 1", Diagnostics: []Diagnostic{
		{Severity: SeverityWarning, Summary: "harmless"},
		{Severity: SeverityError, Summary: "Unsupported argument"},
	}}
	g.Expect(err.Error()).To(Equal("tofu plan: exit status 1; Unsupported argument"))
}

// Whoever kills us hard must not take the state with us: OpenTofu finishes, and
// may go on printing although nobody reads.
func TestOutlivesItsParent(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	self, err := os.Executable()
	g.Expect(err).NotTo(HaveOccurred())
	parent := exec.Command(self)
	parent.Dir, parent.Env = dir, []string{fakeVariable + "=parent"}
	g.Expect(parent.Start()).To(Succeed())
	g.Eventually(filepath.Join(dir, "started"), time.Minute).Should(BeAnExistingFile())

	g.Expect(parent.Process.Kill()).To(Succeed())
	g.Expect(parent.Wait()).To(HaveOccurred())
	g.Expect(os.WriteFile(filepath.Join(dir, "finish"), nil, 0o600)).To(Succeed())
	g.Eventually(func() (string, error) {
		said, err := os.ReadFile(filepath.Join(dir, "errored.tfstate"))
		return string(said), err
	}, time.Minute).Should(Equal("0 interrupts"))
}
