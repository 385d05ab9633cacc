package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/tfstate"
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
		s.get(g, p.plane.Name, p.plane)
		g.Expect(p.plane).To(hasCondition(clusterv1.DeletingCondition, metav1.ConditionTrue, clusterv1.DeletingReason, "terraform_data.provisioned"))
	})
	s.get(s.WithT, clusterName, p.cluster)
	s.Expect(env.Client.Get(s.ctx, client.ObjectKeyFromObject(p.plane), p.plane)).To(Succeed(), "nothing is forgotten")
	s.get(s.WithT, p.infra.Name, p.infra)
	s.Expect(p.infra.DeletionTimestamp.IsZero()).To(BeTrue(), "what the control plane stands on stays")

	s.Expect(os.WriteFile(filepath.Join(s.dir, "may"), nil, 0o600)).To(Succeed())
	s.eventually(func(g Gomega) { g.Expect(s.remains()).To(BeEmpty()) })
	s.Expect(lines(filepath.Join(s.dir, "destroyed"))).To(HaveLen(1))
}

func TestAPersonLetsGoOfAClusterThatCannotBeDestroyed(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	p := s.cheapParts()
	p.module().Module += provisioned(s.dir, "true", "false")
	s.start(p)
	s.awaitReady(p)
	s.delete(p.cluster)
	s.eventually(func(g Gomega) {
		g.Expect(s.apply(g, p)).To(hasCondition(infrav1.AppliedCondition, metav1.ConditionFalse, "DestroyFailed"))
	})
	apply := s.apply(s.WithT, p)
	s.change(apply, func() { apply.Spec.RetainWorkspaceOnDelete = ptr.To(true) })
	s.eventually(func(g Gomega) {
		g.Expect(apierrors.IsNotFound(env.Client.Get(s.ctx, client.ObjectKeyFromObject(p.cluster), &clusterv1.Cluster{}))).To(BeTrue())
	})
	s.eventually(func(g Gomega) {
		g.Expect(s.tellOf("InfrastructureRetained")).To(ConsistOf("WorkspaceTemplateApply "+apply.Name, "CAPTControlPlane "+planeName, "Cluster "+clusterName))
	})
	s.expectStatesOnly()
}

// expectStatesOnly asserts that states are all that is left, for a person, and deletes
// them.
func (s *sandbox) expectStatesOnly() {
	s.Helper()
	s.Expect(s.remains()).To(And(Not(BeEmpty()), HaveEach(ContainSubstring("tfstate-"))), "the state is for a person")
	s.each([]client.ObjectList{&corev1.SecretList{}, &coordinationv1.LeaseList{}}, func(object client.Object) {
		if strings.Contains(object.GetName(), "tfstate-") {
			s.delete(object)
		}
	})
}

// An object of the same name finds the state of the one before, and goes on with it.
func TestWhatWasRetainedIsTakenUpAgain(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	s.issueCredential()
	s.create(template(templateName, provisioned(s.dir, "echo made >> $dir/made", "echo destroyed >> $dir/destroyed")))
	state := tfstate.SecretName(tfstate.Suffix(s.ns, "kept"))
	taken := func(retain bool) *infrav1.WorkspaceTemplateApply {
		apply := &infrav1.WorkspaceTemplateApply{ObjectMeta: metav1.ObjectMeta{Name: "kept"}}
		apply.Spec.TemplateRef.Name = templateName
		apply.Spec.RetainWorkspaceOnDelete = &retain
		s.create(apply)
		s.eventually(func(g Gomega) {
			s.get(g, apply.Name, apply)
			g.Expect(apply).To(hasCondition(infrav1.ReadyCondition, metav1.ConditionTrue, ""))
		})
		s.Expect(s.secret(state).Finalizers).To(ContainElement(tfstate.Finalizer))
		return apply
	}
	gone := func(apply *infrav1.WorkspaceTemplateApply) {
		s.delete(apply)
		s.eventually(func(g Gomega) {
			g.Expect(apierrors.IsNotFound(env.Client.Get(s.ctx, client.ObjectKeyFromObject(apply), apply))).To(BeTrue())
		})
	}
	gone(taken(true))
	s.Expect(s.secret(state).Finalizers).To(BeEmpty(), "a person may delete it")

	again := taken(false)
	s.Expect(s.runs()).To(HaveExactElements(HaveField("Status.Plan", And(
		HaveField("Add", HaveValue(BeZero())), HaveField("Change", HaveValue(BeZero())), HaveField("Destroy", HaveValue(BeZero())),
	))))
	gone(again)
	s.Expect(lines(filepath.Join(s.dir, "made"))).To(HaveLen(1))
	s.Expect(lines(filepath.Join(s.dir, "destroyed"))).To(HaveLen(1))
	s.eventually(func(g Gomega) { g.Expect(s.remains()).To(BeEmpty()) })
}

// tellOf are the objects that warnings with the reason are about.
func (s *sandbox) tellOf(reason string) (about []string) {
	s.Helper()
	list := &eventsv1.EventList{}
	s.list(list)
	for _, event := range list.Items {
		if event.Reason == reason && event.Type == corev1.EventTypeWarning {
			about = append(about, event.Regarding.Kind+" "+event.Regarding.Name)
		}
	}
	return about
}

func (s *sandbox) delete(object client.Object) {
	s.Helper()
	s.Expect(env.Client.Delete(s.ctx, object)).To(Succeed())
}
