package e2e

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

func TestAModuleThatDoesNotParseIsMendedInTheTemplate(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	p := s.cheapParts()
	p.module().Module = strings.Replace(cheapModule, "input = var.cluster_name", "input = = var.cluster_name", 1)
	s.start(p)
	s.expectFailure(p, "ModuleInvalid", "Invalid expression", "main.tf:12")

	s.change(p.template, func() { p.module().Module = cheapModule })
	s.awaitReady(p)
	s.Expect(s.whoAmI(clusterName + "-kubeconfig")).To(Equal(s.user()))
}

func TestAProviderThatFailsIsMendedInTheTemplate(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	p := s.localkubeParts()
	mended := p.module().Module
	p.module().Module = strings.Replace(mended, `resource "localkube_cluster" "this" {`, `resource "localkube_cluster" "this" {
  fail_first = 1000`, 1)
	s.start(p)
	s.expectFailure(p, "ApplyFailed", "localkube_cluster.this", "fail_first")
	s.Expect(s.traces()).To(HaveEach(HaveSuffix(".failures")), "no process is left, only localkube's count")

	s.change(p.template, func() { p.module().Module = mended })
	s.awaitReady(p)
	version, err := s.published(clusterName + "-kubeconfig").Discovery().ServerVersion()
	s.Expect(err).NotTo(HaveOccurred())
	s.Expect(p.plane.Status.Version).To(Equal(version.GitVersion))
}

// expectFailure waits until the workspace and the control plane say why the
// module cannot be applied.
func (s *sandbox) expectFailure(p *parts, reason string, names ...string) {
	s.Helper()
	s.eventually(func(g Gomega) {
		g.Expect(s.apply(g, p)).To(hasCondition(infrav1.AppliedCondition, metav1.ConditionFalse, reason, names...))
		s.get(g, p.plane.Name, p.plane)
		g.Expect(p.plane).To(hasCondition(controlplanev1.WorkspaceReadyCondition, metav1.ConditionFalse, reason, names...))
	})
	s.expectNoSecret(clusterName + "-kubeconfig")
}
