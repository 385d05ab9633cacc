package e2e

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

func TestDeletionDestroysWhatever(t *testing.T) {
	t.Parallel()
	for name, loss := range map[string]func(s *sandbox, p *parts){
		"nothing else is gone":           func(*sandbox, *parts) {},
		"the template was deleted first": func(s *sandbox, p *parts) { s.delete(p.template) },
		"the Secret was deleted first":   func(s *sandbox, _ *parts) { s.delete(s.secret(credentialName)) },
		"the template was broken first": func(s *sandbox, p *parts) {
			s.change(p.template, func() { p.module().Module = "}" })
			s.eventually(func(g Gomega) {
				g.Expect(s.apply(g, p)).To(hasCondition(infrav1.AppliedCondition, metav1.ConditionFalse, "ModuleInvalid"))
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			p := s.cheapParts()
			p.module().Module += provisioned(s.dir, "echo made >> $dir/made", "echo destroyed >> $dir/destroyed")
			s.start(p)
			s.awaitReady(p)
			loss(s, p)

			s.delete(p.cluster)
			s.eventually(func(g Gomega) { g.Expect(s.remains()).To(BeEmpty()) })
			s.Expect(lines(filepath.Join(s.dir, "made"))).To(HaveLen(1))
			s.Expect(lines(filepath.Join(s.dir, "destroyed"))).To(HaveLen(1))
		})
	}
}

func TestDeletionWaitsUntilTheModuleCanBeDestroyed(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	p := s.cheapParts()
	p.module().Module += provisioned(s.dir, "echo made >> $dir/made", "test -e $dir/may && echo destroyed >> $dir/destroyed")
	s.start(p)
	s.awaitReady(p)
	s.delete(p.cluster)
	s.eventually(func(g Gomega) {
		g.Expect(s.apply(g, p)).To(hasCondition(infrav1.AppliedCondition, metav1.ConditionFalse, "DestroyFailed", "terraform_data.provisioned"))
	})
	s.get(s.WithT, clusterName, p.cluster)
	s.Expect(env.Client.Get(s.ctx, client.ObjectKeyFromObject(p.plane), p.plane)).To(Succeed(), "nothing is forgotten")

	s.Expect(os.WriteFile(filepath.Join(s.dir, "may"), nil, 0o600)).To(Succeed())
	s.eventually(func(g Gomega) { g.Expect(s.remains()).To(BeEmpty()) })
	s.Expect(lines(filepath.Join(s.dir, "destroyed"))).To(HaveLen(1))
}

func (s *sandbox) delete(object client.Object) {
	s.Helper()
	s.Expect(env.Client.Delete(s.ctx, object)).To(Succeed())
}
