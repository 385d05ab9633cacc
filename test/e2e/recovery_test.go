package e2e

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/dev/environment"
	"github.com/captproject/capt/internal/tfstate"
	"github.com/captproject/capt/test/line"
)

// blow is what strikes a run while it creates a cluster.
type blow struct {
	signal   syscall.Signal
	programs []string
	// survives: the cluster that was being created is the one that there is in the
	// end. OpenTofu outlives its runner, and finishes what it has begun. Without
	// OpenTofu nobody knows what the provider was making, so that it is made again
	// in its place.
	survives bool
}

func TestACreationIsStruck(t *testing.T) {
	t.Parallel()
	checks := map[string]func(*testing.T){}
	for name, blow := range map[string]blow{
		"SIGTERM to the runner":                            {syscall.SIGTERM, []string{runnerProgram}, false},
		"SIGKILL to the runner":                            {syscall.SIGKILL, []string{runnerProgram}, true},
		"SIGKILL to OpenTofu":                              {syscall.SIGKILL, []string{tofuProgram}, false},
		"SIGKILL to the runner and OpenTofu":               {syscall.SIGKILL, []string{runnerProgram, tofuProgram}, false},
		"SIGKILL to the runner, OpenTofu and the provider": {syscall.SIGKILL, []string{runnerProgram, tofuProgram, providerProgram}, false},
	} {
		// All at once: each of them mostly waits.
		s := newSandbox(t)
		p := s.slowParts()
		s.start(p)
		created := s.awaitCreation()
		s.strike(blow.signal, blow.programs...)
		if blow.survives {
			s.expectUnderWay(p)
		}
		checks[name] = func(t *testing.T) {
			s := s.in(t)
			s.expectWhole(p)
			s.Expect(s.clusterID() == created).To(Equal(blow.survives))
		}
	}
	for name, check := range checks {
		t.Run(name, check)
	}
}

// expectUnderWay expects the first run to be taken for what it is, at work, as long
// as its OpenTofu lives.
func (s *sandbox) expectUnderWay(p *parts) {
	s.Helper()
	s.nudge(p)
	s.Expect(s.working(tofuProgram)).NotTo(BeEmpty(), "OpenTofu goes on")
	s.Expect(s.lockHolder(s.WithT, p)).To(Equal(p.workspaceName()+"-1"), "the lock of what lives is not broken")
	s.Expect(s.runs()).To(HaveLen(1))
}

func TestTheManagerIsKilledDuringACreation(t *testing.T) {
	alone, all := newSandbox(t), newSandbox(t)
	// Only the manager dies for the one, and all that works for the other.
	survivor, victim := alone.slowParts(), all.slowParts()
	alone.start(survivor)
	all.start(victim)
	created, lost := alone.awaitCreation(), all.awaitCreation()

	stopManager(t, syscall.SIGKILL)
	all.strike(syscall.SIGKILL, runnerProgram, tofuProgram, providerProgram)
	all.Expect(all.working("")).To(BeEmpty())
	all.Expect(all.lockHolder(all.WithT, victim)).To(Equal(victim.workspaceName()+"-1"), "a dead run has left its lock")
	alone.Expect(alone.working(tofuProgram)).NotTo(BeEmpty(), "the other one goes on")
	startManager(t)

	alone.expectWhole(survivor)
	alone.Expect(alone.clusterID()).To(Equal(created))
	all.expectWhole(victim)
	all.Expect(all.clusterID()).NotTo(Equal(lost))
}

// The creation ends while the API server is away, so that its state has to be
// held. A manager that cannot renew its lease ends; another one follows, as a
// kubelet would have it.
func TestTheAPIServerIsAwayForAMinuteDuringACreation(t *testing.T) {
	s := newSandbox(t)
	stopManager(t, syscall.SIGTERM)
	direct, err := env.ManagerKubeconfig(t.Context())
	s.Expect(err).NotTo(HaveOccurred())
	kubeconfig, err := os.ReadFile(direct)
	s.Expect(err).NotTo(HaveOccurred())
	way, kubeconfig, err := line.New(kubeconfig)
	s.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { s.Expect(way.Close()).To(Succeed()) })
	options := environment.ManagerOptions{Kubeconfig: filepath.Join(t.TempDir(), "kubeconfig")}
	s.Expect(os.WriteFile(options.Kubeconfig, kubeconfig, 0o600)).To(Succeed())
	first, err := env.RunManager(t.Context(), options)
	s.Expect(err).NotTo(HaveOccurred())

	p := s.slowParts()
	s.start(p)
	created := s.awaitCreation()
	way.Cut()
	s.WithT.Consistently(func(g Gomega) {
		g.Expect(s.clusterID()).To(Equal(created))
		g.Expect(s.working(runnerProgram)).To(HaveLen(1), "the runner holds on")
	}).WithTimeout(time.Minute).WithPolling(time.Second).Should(Succeed())
	unsaved := filepath.Join(env.Root, "runs", string(s.runs()[0].UID), "unsaved.tfstate")
	s.Expect(unsaved).To(BeAnExistingFile(), "the state is held")
	s.Eventually(first.Ended()).WithTimeout(patience).Should(BeClosed())
	way.Mend()
	second, err := env.RunManager(t.Context(), options)
	s.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { s.Expect(second.Stop(syscall.SIGTERM)).To(Succeed()) })

	s.expectWhole(p)
	s.Expect(s.clusterID()).To(Equal(created))
	s.Expect(s.runNumber(p)).To(Equal(2), "the creation, and the run that was asked for in the end")
}

// Somebody works on the state by hand: nothing is made until they are done.
func TestALockOfAPersonIsRespected(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	p := s.localkubeParts()
	const person = "2f1d8a34-by-hand"
	lease := tfstate.NewLease(s.ns, tfstate.Suffix(s.ns, p.workspaceName()), nil)
	s.Expect(tfstate.Take(lease, tfstate.LockInfo{ID: person, Who: "somebody@somewhere"})).To(Succeed())
	s.create(lease)
	s.start(p)
	s.eventually(func(g Gomega) {
		g.Expect(s.apply(g, p)).To(hasCondition(infrav1.AppliedCondition, metav1.ConditionFalse, "StateLocked", person))
	})
	s.Expect(s.lockHolder(s.WithT, p)).To(Equal(person))
	s.Expect(s.clusterProcesses()).To(BeEmpty(), "nothing was made")

	held := &coordinationv1.Lease{}
	s.get(s.WithT, lease.Name, held)
	s.Expect(tfstate.Release(held, person)).To(BeTrue())
	s.Expect(env.Client.Update(s.ctx, held)).To(Succeed())
	s.expectWhole(p)
}
