package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// stopManager ends the manager; it is started again at the end of the test.
func stopManager(t *testing.T, signal os.Signal) {
	t.Helper()
	NewWithT(t).Expect(env.StopManager(signal)).To(Succeed())
	t.Cleanup(func() { startManager(t) })
}

// startManager starts the manager, unless it runs.
func startManager(t *testing.T) {
	t.Helper()
	if env.ManagerPID() == 0 {
		NewWithT(t).Expect(env.StartManager(context.WithoutCancel(t.Context()))).To(Succeed())
	}
}

func TestWhatExistsBeforeTheManagerIsServedAtItsStart(t *testing.T) {
	stripped := newSandbox(t)
	stripped.readyCluster()
	strippedRuns := stripped.runNames()
	applied := newSandbox(t)
	plane := applied.cheapParts()
	applied.create(plane.template)
	applied.create(&infrav1.WorkspaceTemplateApply{
		ObjectMeta: metav1.ObjectMeta{Name: "made-before"},
		Spec: infrav1.WorkspaceTemplateApplySpec{
			TemplateRef: infrav1.WorkspaceTemplateReference{Name: templateName},
			Variables:   map[string]string{"cluster_name": clusterName},
		},
	})
	applied.eventually(func(g Gomega) {
		apply := &infrav1.WorkspaceTemplateApply{}
		applied.get(g, "made-before", apply)
		g.Expect(apply).To(hasCondition(infrav1.ReadyCondition, metav1.ConditionTrue, ""))
	})
	fresh := newSandbox(t)
	newcomer := fresh.cheapParts()

	stopManager(t, syscall.SIGTERM)
	for _, name := range publishedSecrets {
		stripped.Expect(env.Client.Delete(t.Context(), stripped.secret(name))).To(Succeed())
	}
	plane.plane.Spec.WorkspaceTemplateRef = nil
	plane.plane.Spec.WorkspaceTemplateApplyName = "made-before"
	applied.create(plane.infra, plane.plane, plane.cluster)
	fresh.start(newcomer)
	// Cluster API has made itself the owner of the control planes by now.
	for _, s := range []*sandbox{applied, fresh} {
		s.eventually(func(g Gomega) {
			found := newcomer.plane.DeepCopy()
			s.get(g, planeName, found)
			g.Expect(found.OwnerReferences).To(HaveLen(1))
		})
	}

	startManager(t)
	for _, s := range []*sandbox{stripped, applied, fresh} {
		for _, name := range publishedSecrets {
			s.eventually(func(g Gomega) { s.get(g, name, &corev1.Secret{}) })
		}
		s.Expect(s.whoAmI(clusterName + "-kubeconfig")).To(Equal(s.user()))
	}
	applied.awaitReady(plane)
	fresh.awaitReady(newcomer)
	stripped.Expect(stripped.runNames()).To(Equal(strippedRuns), "what was applied is not applied again")
	applied.Expect(applied.runNames()).To(Equal([]string{"made-before-1"}))
	fresh.Expect(fresh.runNames()).To(Equal([]string{newcomer.workspaceName() + "-1"}))
}

func TestAManagerThatIsKilledFindsItsRunAgain(t *testing.T) {
	for name, endsWhile := range map[string]string{
		"which ends while no manager runs":  "down",
		"which ends under the next manager": "up",
	} {
		t.Run(name, func(t *testing.T) {
			s := newSandbox(t)
			finish := func() { s.Expect(os.WriteFile(filepath.Join(s.dir, "go"), nil, 0o600)).To(Succeed()) }
			t.Cleanup(finish)
			p := s.cheapParts()
			// It notes that it makes something, and goes on when told to.
			p.module().Module += provisioned(s.dir, "echo made >> $dir/made; while [ ! -e $dir/go ]; do sleep 0.1; done", "echo destroyed >> $dir/destroyed")
			s.start(p)
			s.eventually(func(g Gomega) { g.Expect(lines(filepath.Join(s.dir, "made"))).To(HaveLen(1)) })

			stopManager(t, syscall.SIGKILL)
			s.Expect(s.traces()).NotTo(BeEmpty(), "the run goes on")
			if endsWhile == "down" {
				finish()
				s.eventually(func(g Gomega) { g.Expect(s.traces()).To(BeEmpty()) })
				s.get(s.WithT, p.workspaceName()+"-outputs", &corev1.Secret{})
			}
			startManager(t)
			if endsWhile == "up" {
				// It is seen to be at work before the run ends.
				s.nudge(p)
				s.Expect(s.runs()).To(HaveLen(1))
				s.Expect(s.runs()[0].Status.Phase).To(Equal(infrav1.RunRunning))
				finish()
			}

			s.awaitReady(p)
			s.Expect(s.whoAmI(clusterName + "-kubeconfig")).To(Equal(s.user()))
			s.Expect(s.runs()).To(HaveLen(1))
			s.Expect(s.runs()[0].Status.Phase).To(Equal(infrav1.RunSucceeded))
			s.Expect(lines(filepath.Join(s.dir, "made"))).To(HaveLen(1), "made once")
			s.Expect(filepath.Join(s.dir, "destroyed")).NotTo(BeAnExistingFile())
		})
	}
}

// lines are the lines of a file; none if there is none.
func lines(path string) []string {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(content)), "\n")
}
