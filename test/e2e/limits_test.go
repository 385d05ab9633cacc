package e2e

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// greedy is a module that would take all there is of something.
type greedy struct {
	name   string
	module string
	// timeout of its workspace, 0 if it has none.
	timeout time.Duration
	reason  string
	// names are parts of the message.
	names []string
}

// running is a module that runs a shell command when it is applied.
func running(command string) string {
	return `resource "terraform_data" "this" {
  provisioner "local-exec" {
    command = "` + command + `"
  }
}
`
}

var greedyModules = []greedy{
	{
		name:    "never ends",
		module:  running("exec sleep 86400"),
		timeout: 5 * time.Second,
		reason:  "Timeout", names: []string{"spec.timeout (5s)"},
	},
	{
		name:   "takes all memory",
		module: `output "size" { value = length(setproduct(range(1000), range(1000), range(1000))) }`,
		reason: "OutOfMemory", names: []string{"planning", "make the module smaller"},
	},
	{
		name:   "asks for input",
		module: running("read -r answer"),
		reason: "ApplyFailed", names: []string{"terraform_data.this", "read -r answer", "exit status 1"},
	},
	{
		name:   "prints without measure",
		module: running("yes 'a line that is printed many times' | head -n 20000; exit 3"),
		reason: "ApplyFailed", names: []string{"terraform_data.this", "exit status 3"},
	},
}

// A module that is out of bounds fails with a reason. Its neighbours go on.
func TestAGreedyModuleFailsAloneAndSaysWhy(t *testing.T) {
	t.Parallel()
	for _, greedy := range greedyModules {
		t.Run(greedy.name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			bad, good := s.workspace("greedy", greedy.module), s.workspace("good", `output "o" { value = 1 }`)
			if greedy.timeout > 0 {
				bad.Spec.Timeout = &metav1.Duration{Duration: greedy.timeout}
			}
			s.create(bad, good)
			s.eventually(func(g Gomega) {
				s.get(g, good.Name, good)
				g.Expect(good).To(hasCondition(infrav1.ReadyCondition, metav1.ConditionTrue, ""))
				s.get(g, bad.Name, bad)
				g.Expect(bad).To(hasCondition(infrav1.AppliedCondition, metav1.ConditionFalse, greedy.reason+":", greedy.names...))
				run := &infrav1.WorkspaceRun{}
				s.get(g, bad.Name+"-1", run)
				g.Expect(run.Status.Phase).To(Equal(infrav1.RunFailed))
				g.Expect(run.Status.Reason).To(Equal(greedy.reason))
				g.Expect(len(run.Status.Message)).To(BeNumerically("<", 2000))
			})
		})
	}
}

// workspace is one with a template of its own, which is created.
func (s *sandbox) workspace(name, module string) *infrav1.WorkspaceTemplateApply {
	s.Helper()
	own := template(name, module)
	own.Spec.Template.Spec.ForProvider.Env = nil
	s.create(own)
	return &infrav1.WorkspaceTemplateApply{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       infrav1.WorkspaceTemplateApplySpec{TemplateRef: infrav1.WorkspaceTemplateReference{Name: name}},
	}
}
