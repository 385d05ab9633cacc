package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// A cluster whose processes somebody ends is told, and made again when that is
// wanted.
func TestDriftIsReportedAndRemediated(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	p := s.localkubeParts()
	apply := &infrav1.WorkspaceTemplateApply{
		ObjectMeta: metav1.ObjectMeta{Name: "alone"},
		Spec: infrav1.WorkspaceTemplateApplySpec{
			TemplateRef: infrav1.WorkspaceTemplateReference{Name: templateName},
			Variables:   map[string]string{"namespace": s.ns, "kubernetes_version": "v1.36.3"},
			Drift:       infrav1.Drift{Interval: &metav1.Duration{Duration: time.Minute}},
		},
	}
	s.create(p.template, apply)
	s.eventually(func(g Gomega) {
		s.get(g, apply.Name, apply)
		g.Expect(apply).To(hasCondition(infrav1.ReadyCondition, metav1.ConditionTrue, ""))
		g.Expect(apply).To(hasCondition(infrav1.DriftedCondition, metav1.ConditionFalse, "NoDrift"))
	})

	s.Expect(s.endCluster()).NotTo(BeZero())
	s.eventually(func(g Gomega) {
		s.get(g, apply.Name, apply)
		g.Expect(apply).To(hasCondition(infrav1.DriftedCondition, metav1.ConditionTrue, "DriftFound", "1 to add, 0 to change"))
	})
	s.Expect(apply).To(hasCondition(infrav1.ReadyCondition, metav1.ConditionTrue, ""))
	s.Expect(apply.Status.LastRun).To(Equal("alone-1"))
	s.Expect(s.secret("alone-reports").Data).To(HaveKeyWithValue("drift.plan", ContainSubstring("localkube_cluster.this will be created")))
	s.Expect(s.endCluster()).To(BeZero(), "it is only told")

	s.change(apply, func() { apply.Spec.Drift.Mode = infrav1.DriftRemediate })
	s.eventually(func(g Gomega) {
		s.get(g, apply.Name, apply)
		g.Expect(apply).To(hasCondition(infrav1.DriftedCondition, metav1.ConditionFalse, "NoDrift"))
		g.Expect(apply).To(hasCondition(infrav1.AppliedCondition, metav1.ConditionTrue, "Applied"))
	})
	s.Expect(s.serversOf()).NotTo(BeEmpty())
}

// endCluster kills the programs of the localkube cluster of the namespace, and
// returns how many there were.
func (s *sandbox) endCluster() int {
	s.Helper()
	servers := s.serversOf()
	for _, pid := range servers {
		s.Expect(syscall.Kill(pid, syscall.SIGKILL)).To(Succeed())
	}
	s.eventually(func(g Gomega) { g.Expect(s.serversOf()).To(BeEmpty()) })
	return len(servers)
}

// serversOf are the processes of the localkube cluster of the namespace.
func (s *sandbox) serversOf() []int {
	s.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	s.Expect(err).NotTo(HaveOccurred())
	var found []int
	for _, path := range paths {
		content, err := os.ReadFile(path)
		program, _, _ := bytes.Cut(content, []byte{0})
		name := filepath.Base(string(program))
		if err != nil || !bytes.Contains(content, []byte(s.ns)) || name != "etcd" && name != "kube-apiserver" {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		s.Expect(err).NotTo(HaveOccurred())
		found = append(found, pid)
	}
	return found
}
