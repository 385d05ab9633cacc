package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/tfstate"
)

// The programs that carry out a run, as their files are named.
const (
	runnerProgram   = "capt-runner"
	tofuProgram     = "tofu"
	providerProgram = "terraform-provider-localkube"
)

// slowParts are a cluster with localkubeModule whose creation takes long enough
// to be struck. Its processes run from the beginning.
func (s *sandbox) slowParts() *parts {
	s.Helper()
	p := s.localkubeParts()
	const begin = `resource "localkube_cluster" "this" {`
	p.module().Module = strings.Replace(localkubeModule, begin, begin+`
  create_delay = "15s"`, 1)
	return p
}

// awaitCreation waits until a cluster is being created, and returns its identity.
func (s *sandbox) awaitCreation() string {
	s.Helper()
	s.eventually(func(g Gomega) { g.Expect(s.clusterProcesses()).To(HaveLen(2)) })
	s.Expect(s.working(providerProgram)).NotTo(BeEmpty(), "the creation goes on")
	return s.clusterID()
}

// clusterID is the identity of the localkube cluster that there is: one that is
// made again has another.
func (s *sandbox) clusterID() string {
	s.Helper()
	content, err := os.ReadFile(filepath.Join(env.Root, "localkube", s.ns, "cluster.json"))
	s.Expect(err).NotTo(HaveOccurred())
	var record struct{ ID string }
	s.Expect(json.Unmarshal(content, &record)).To(Succeed())
	return record.ID
}

// clusterProcesses are the ids of the processes of localkube clusters: etcd and
// kube-apiserver for each that there is or was left.
func (s *sandbox) clusterProcesses() []int {
	return processes(filepath.Join(env.Root, "localkube", s.ns), "")
}

// working are the ids of the processes with this program that carry out runs of
// the namespace; "" is every program.
func (s *sandbox) working(program string) []int {
	s.Helper()
	var found []int
	for _, run := range s.runs() {
		found = append(found, processes(filepath.Join(env.Root, "runs", string(run.UID)), program)...)
	}
	return found
}

// processes are the ids of those that work in a directory, with a program whose
// name begins so.
func processes(dir, program string) []int {
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	var found []int
	for _, link := range links {
		// What ends meanwhile has neither.
		cwd, _ := os.Readlink(link)
		exe, _ := os.Readlink(filepath.Join(filepath.Dir(link), "exe"))
		if cwd != dir && !strings.HasPrefix(cwd, dir+"/") || !strings.HasPrefix(filepath.Base(exe), program) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(link))); err == nil {
			found = append(found, pid)
		}
	}
	return found
}

// strike sends a signal to programs that carry out the namespace's run, in this
// order, and returns when those that were killed are gone.
func (s *sandbox) strike(signal syscall.Signal, programs ...string) {
	s.Helper()
	var struck []int
	for _, program := range programs {
		found := s.working(program)
		s.Expect(found).To(HaveLen(1), "there is one %s", program)
		struck = append(struck, found...)
	}
	for _, pid := range struck {
		s.Expect(syscall.Kill(pid, signal)).To(Succeed())
	}
	if signal == syscall.SIGKILL {
		s.eventually(func(g Gomega) { g.Expect(s.working("")).NotTo(ContainElement(BeElementOf(struck))) })
	}
}

// lockHolder is who holds the lock on the state of the control plane's workspace;
// "" if nobody does.
func (s *sandbox) lockHolder(g Gomega, p *parts) string {
	lease := &coordinationv1.Lease{}
	s.get(g, tfstate.LeaseName(tfstate.Suffix(s.ns, p.workspaceName())), lease)
	return tfstate.Holder(lease)
}

// expectWhole expects what there would be without any fault: one cluster, which
// works and is the one that the state knows; nothing at work any more; nothing
// that another run would change; and no run that has replaced or destroyed
// anything, or asked whether it may.
func (s *sandbox) expectWhole(p *parts) {
	s.Helper()
	s.awaitReady(p)
	_, err := s.published(clusterName + "-kubeconfig").Discovery().ServerVersion()
	s.Expect(err).NotTo(HaveOccurred())
	s.Expect(s.outputs(p)).To(HaveKeyWithValue("id", s.clusterID()))
	s.Expect(s.clusterProcesses()).To(HaveLen(2), "one cluster")
	s.eventually(func(g Gomega) { g.Expect(s.working("")).To(BeEmpty(), "nothing is left at work") })
	s.Expect(s.lockHolder(s.WithT, p)).To(BeEmpty())

	s.requestRun(p, "whole")
	runs := s.runs()
	for _, run := range runs {
		s.Expect(run.Status.Phase).NotTo(Equal(infrav1.RunAwaitingApproval))
		s.Expect(run.Status.Plan.Destroy).To(Or(BeNil(), HaveValue(BeZero())))
		s.Expect(run.Status.Plan.Replace).To(Or(BeNil(), HaveValue(BeZero())))
	}
	last := runs[slices.IndexFunc(runs, func(run infrav1.WorkspaceRun) bool { return run.Spec.ApplyRequest == "whole" })]
	s.Expect(last.Status.Phase).To(Equal(infrav1.RunSucceeded))
	s.Expect(last.Status.Plan.Add).To(HaveValue(BeZero()))
	s.Expect(last.Status.Plan.Change).To(HaveValue(BeZero()))
}

// requestRun asks for a run although nothing has changed, and returns when it has
// ended.
func (s *sandbox) requestRun(p *parts, request string) {
	s.Helper()
	apply := s.apply(s.WithT, p)
	s.change(apply, func() {
		metav1.SetMetaDataAnnotation(&apply.ObjectMeta, infrav1.ApplyRequestAnnotation, request)
	})
	s.eventually(func(g Gomega) { g.Expect(s.apply(g, p).Status.LastHandledApplyRequest).To(Equal(request)) })
}
