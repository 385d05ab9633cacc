package deployed

import (
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/runner"
)

// byHand is a module that has the program hand do something to a file.
func byHand(verb, file string) string {
	return fmt.Sprintf(`
resource "terraform_data" "this" {
  provisioner "local-exec" {
    interpreter = ["%s", "%s"]
    command     = "%s"
  }
}
`, handProgram, verb, file)
}

// What a pod may have is limited, and a run that wants more says so.
func TestAPodHasLimits(t *testing.T) {
	for name, test := range map[string]struct {
		module  string
		reason  string
		message string
	}{
		"of memory": {
			`output "size" { value = length(setproduct(range(1000), range(1000), range(1000))) }`,
			runner.ReasonOutOfMemory, "memory",
		},
		"of the disk":        {byHand("fill", "/tmp/filling"), runner.ReasonInterrupted, "exceeds the total limit of containers 50Mi"},
		"to its directories": {byHand("write", "/etc/outside"), runner.ReasonApplyFailed, "read-only file system"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSandbox(t)
			greedy := template("greedy", test.module)
			greedy.Spec.Template.Spec.ForProvider.Runner.PodTemplate.Spec.Resources = &corev1.ResourceRequirements{
				Limits: corev1.ResourceList{
					corev1.ResourceMemory:           resource.MustParse("256Mi"),
					corev1.ResourceEphemeralStorage: resource.MustParse("50Mi"),
				},
			}
			s.create(greedy, &infrav1.WorkspaceTemplateApply{
				ObjectMeta: metav1Of("greedy"),
				Spec:       infrav1.WorkspaceTemplateApplySpec{TemplateRef: infrav1.WorkspaceTemplateReference{Name: "greedy"}},
			})
			s.apply("neighbour", s.thing("first"))
			run := &infrav1.WorkspaceRun{}
			s.eventually(func(g Gomega) {
				s.get(g, "greedy-1", run)
				g.Expect(run.Status.Phase).To(Equal(infrav1.RunFailed))
			})
			s.Expect(run.Status.Reason).To(Equal(test.reason), run.Status.Message)
			s.Expect(run.Status.Message).To(ContainSubstring(test.message))
		})
	}
}
