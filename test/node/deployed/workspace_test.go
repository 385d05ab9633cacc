package deployed

import (
	"fmt"
	"strings"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/cluster-api/util/conditions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// thing is a part of a module: a thing on the site, made after others.
func (s *sandbox) thing(name string, after ...string) string {
	dependsOn := ""
	for _, other := range after {
		dependsOn += "terraform_data." + other + ","
	}
	return fmt.Sprintf(`
resource "terraform_data" "%[1]s" {
  input      = "%[2]s/%[1]s"
  depends_on = [%[3]s]

  provisioner "local-exec" {
    interpreter = ["%[4]s", "make"]
    command     = self.input
  }

  provisioner "local-exec" {
    when        = destroy
    interpreter = ["%[4]s", "destroy"]
    command     = self.input
  }
}
`, name, s.site.url, dependsOn, handProgram)
}

// template is an inline module, whose runs have the program hand.
func template(name string, parts ...string) *infrav1.WorkspaceTemplate {
	return &infrav1.WorkspaceTemplate{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: infrav1.WorkspaceTemplateSpec{Template: infrav1.WorkspaceDescription{Spec: infrav1.WorkspaceDescriptionSpec{
			ForProvider: infrav1.ModuleSpec{
				Source: infrav1.ModuleSourceInline,
				Module: strings.Join(parts, "\n"),
				Runner: &infrav1.RunnerSpec{Image: handImage},
			},
		}}},
	}
}

// apply makes a template and an apply of it, both of the name, and waits until it
// is applied.
func (s *sandbox) apply(name string, parts ...string) *infrav1.WorkspaceTemplateApply {
	s.Helper()
	apply := &infrav1.WorkspaceTemplateApply{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       infrav1.WorkspaceTemplateApplySpec{TemplateRef: infrav1.WorkspaceTemplateReference{Name: name}},
	}
	s.create(template(name, parts...), apply)
	s.eventually(func(g Gomega) {
		s.get(g, name, apply)
		g.Expect(conditions.IsTrue(apply, infrav1.ReadyCondition)).To(BeTrue())
	})
	return apply
}

// stock is the apply that survives.
const stock = "stock"

// survives lets a thing be made, and has harm come while another one is being made
// after it. In the end there are both, each made once, and the state still has the
// first as it was. It returns the runs; the first is that before the harm.
func (s *sandbox) survives(harm func()) []string {
	s.Helper()
	apply := s.apply(stock, s.thing("first"))
	before := s.ids(stock)
	s.Expect(before).To(HaveKeyWithValue("first", Not(BeEmpty())))

	release := s.site.hold("second")
	defer release()
	changed := template(stock, s.thing("first"), s.thing("second", "first"))
	changed.Namespace = s.ns
	s.Expect(shared.Client.Patch(s.Context(), changed, client.Merge)).To(Succeed())
	s.eventually(func(g Gomega) { g.Expect(s.site.begun("second")).To(BeTrue()) })
	harm()
	release()
	s.eventually(func(g Gomega) {
		runs := s.runs(stock)
		g.Expect(runs[len(runs)-1]).To(Equal("Apply Succeeded"))
		g.Expect(s.site.history()).To(ConsistOf("first: made 1, destroyed 0", "second: made 1, destroyed 0"))
	})
	s.Expect(s.ids(stock)).To(And(HaveLen(2), HaveKeyWithValue("first", before["first"]), HaveKeyWithValue("second", Not(BeEmpty()))))
	runs := s.runs(stock)

	s.endsInNothing(apply)
	s.Expect(s.site.history()).To(ConsistOf("first: made 1, destroyed 1", "second: made 1, destroyed 1"))
	return runs
}
