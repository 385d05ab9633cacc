package inputs

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/captproject/capt/hack/tools/toolbox"
	"github.com/captproject/capt/internal/tofu"
)

var commands = map[command]string{commandInit: "init", commandPlan: "plan", commandApply: "apply"}

// realTofu runs the real OpenTofu and returns what it says.
func realTofu(t *testing.T) func(args ...string) string {
	t.Helper()
	g := NewWithT(t)
	programs, err := toolbox.Ensure(context.Background(), os.Stderr, toolbox.Tofu)
	g.Expect(err).NotTo(HaveOccurred())
	home := t.TempDir()
	config := filepath.Join(home, "tofurc")
	g.Expect(os.WriteFile(config, nil, 0o600)).To(Succeed())
	return func(args ...string) string {
		cmd := exec.Command(programs.Path(toolbox.Tofu), args...)
		cmd.Dir, cmd.Env = home, tofu.Environment(home, config)
		out, _ := cmd.CombinedOutput()
		return string(out)
	}
}

// What the pinned OpenTofu offers is known, so that a newer one with something
// new is noticed here.
func TestEveryOptionOfOpenTofuIsKnown(t *testing.T) {
	g := NewWithT(t)
	run := realTofu(t)
	listed := regexp.MustCompile(`(?m)^ {2,8}-([a-z-]+)`)
	for _, name := range commands {
		help := listed.FindAllStringSubmatch(run(name, "-help"), -1)
		g.Expect(len(help)).To(BeNumerically(">", 10))
		for _, match := range help {
			g.Expect(options).To(HaveKey(match[1]))
		}
	}
}

// OpenTofu stops at the first argument that it does not take: if that is the
// one after ours, it takes ours, in our form.
func TestOpenTofuTakesWhatIsPassedOn(t *testing.T) {
	run := realTofu(t)
	values := map[string]string{"deprecation": "module:none", "lock-timeout": "1s", "parallelism": "2"}
	for name, o := range options {
		form := "-" + name
		if o.boolean && !o.bare {
			form += "=true"
		} else if !o.boolean {
			value, ok := values[name]
			if !ok {
				value = "a=b"
			}
			form += "=" + value
		}
		for c, command := range commands {
			if o.commands&c == 0 {
				continue
			}
			t.Run(command+form, func(t *testing.T) {
				NewWithT(t).Expect(run(command, form, "-nonsense")).To(ContainSubstring("not defined: -nonsense"))
			})
		}
	}
}
