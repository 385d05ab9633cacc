package cluster

import (
	"context"
	"net"
	"os"
	"strconv"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/captproject/capt/test/localkube/internal/process"
	"github.com/captproject/capt/test/localkube/internal/testkit"
)

// Scripts in place of the programs. They stay processes that have the directory in their arguments: exec would drop it.
const (
	runs    = `trap "exit 0" TERM; while :; do sleep 0.05; done`
	listens = `touch etcd.sock; ` + runs
)

func TestCreateShowsTheLogOfTheProgramThatEnded(t *testing.T) {
	tests := []struct{ name, etcd, apiServer, program string }{
		{"etcd at once", "echo broken etcd >&2; exit 3", runs, etcd},
		{"kube-apiserver at once", listens, "echo broken api server; exit 3", apiServer},
		{"etcd while kube-apiserver starts", "touch etcd.sock; sleep 0.2; echo broken etcd; exit 3", runs, etcd},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := NewWithT(t)
			clusters := newClusters(t, test.etcd, test.apiServer)
			_, err := clusters.Create(t.Context(), Settings{Name: "a"})
			g.Expect(err).To(MatchError(And(
				ContainSubstring(test.program+" ended"),
				ContainSubstring("exit status 3"),
				ContainSubstring("broken"),
			)))
			g.Expect(left(clusters)).To(BeEmpty())
		})
	}
}

func TestCreateEndsWhatItStartedWhenInterrupted(t *testing.T) {
	g := NewWithT(t)
	clusters := newClusters(t, listens, runs)
	ctx, cancel := context.WithCancel(t.Context())
	clusters.freePort = func() (int, error) {
		cancel()
		return freePort()
	}
	_, err := clusters.Create(ctx, Settings{Name: "a"})
	g.Expect(err).To(And(MatchError(ContainSubstring("interrupted")), MatchError(context.Canceled)))
	g.Expect(left(clusters)).To(BeEmpty())
}

func TestCreateEndsWhatAnEarlierOneLeft(t *testing.T) {
	for name, settings := range map[string]Settings{
		"and starts anew":              {Name: "a"},
		"also when it is made to fail": {Name: "a", FailFirst: 1},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			clusters := newClusters(t, listens, "exit 1")
			left := startLeftover(t, clusters)
			_, err := clusters.Create(t.Context(), settings)
			g.Expect(err).To(HaveOccurred(), "its own API server cannot run")
			g.Expect(left.Running()).To(BeFalse())
		})
	}
}

func TestCreateWaitsForTheLock(t *testing.T) {
	g := NewWithT(t)
	clusters := newClusters(t, listens, runs)
	held, err := lock(t.Context(), clusters.file("a.lock"))
	g.Expect(err).NotTo(HaveOccurred())
	defer unlock(held)
	_, err = clusters.Create(cancelled(), Settings{Name: "a"})
	g.Expect(err).To(And(MatchError(ContainSubstring("waiting for others")), MatchError(context.Canceled)))
}

func TestCreateTriesAnotherPortWhenItsOwnIsTaken(t *testing.T) {
	g := NewWithT(t)
	clusters := newClustersWith(t, testkit.AssetsDir(t))
	thief, err := net.Listen("tcp4", "127.0.0.1:0")
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { _ = thief.Close() }()
	ports := []func() (int, error){
		func() (int, error) { return thief.Addr().(*net.TCPAddr).Port, nil },
		freePort,
	}
	clusters.freePort = func() (int, error) {
		next := ports[0]
		ports = ports[1:]
		return next()
	}
	cluster, err := clusters.Create(t.Context(), Settings{Name: "a"})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(ports).To(BeEmpty())
	g.Expect(clusters.Delete(t.Context(), "a", cluster.ID)).To(Succeed())
	g.Expect(left(clusters)).To(BeEmpty())
}

func TestDeleteSparesAnotherClusterOfTheName(t *testing.T) {
	g := NewWithT(t)
	clusters := newClusters(t, listens, runs)
	left := startLeftover(t, clusters)
	g.Expect(clusters.Delete(t.Context(), "a", "another")).To(Succeed())
	g.Expect(left.Running()).To(BeTrue())
	g.Expect(clusters.Delete(t.Context(), "a", "leftover")).To(Succeed())
	g.Expect(left.Running()).To(BeFalse())
}

func TestDeleteIsIdempotent(t *testing.T) {
	g := NewWithT(t)
	clusters := newClusters(t, listens, runs)
	g.Expect(clusters.Delete(t.Context(), "a", "id")).To(Succeed(), "no data directory")
	startLeftover(t, clusters)
	g.Expect(os.WriteFile(clusters.failuresFile("a"), []byte("1"), 0o600)).To(Succeed())
	g.Expect(clusters.Delete(t.Context(), "a", "leftover")).To(Succeed())
	g.Expect(clusters.Delete(t.Context(), "a", "leftover")).To(Succeed(), "gone already")
	g.Expect(left(clusters)).To(BeEmpty())
}

func TestObserveRemovesAClusterThatNoLongerRuns(t *testing.T) {
	g := NewWithT(t)
	clusters := newClusters(t, listens, runs)
	etcd := startLeftover(t, clusters)
	seen, err := clusters.Observe(t.Context(), "a", "leftover")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(seen.Running).To(BeFalse(), "it has no API server")
	g.Expect(etcd.Running()).To(BeFalse())
	g.Expect(left(clusters)).To(BeEmpty())
}

func TestObserveKeepsAClusterThatDoesNotAnswer(t *testing.T) {
	g := NewWithT(t)
	clusters := newClusters(t, listens, runs)
	etcd := startLeftover(t, clusters)
	s := starterOf(t, clusters)
	_, err := s.launch(t.Context(), apiServer, []string{string(s.directory)})
	g.Expect(err).NotTo(HaveOccurred())
	port, err := freePort()
	g.Expect(err).NotTo(HaveOccurred())
	unanswered := record{ID: "leftover", Endpoint: "https://127.0.0.1:" + strconv.Itoa(port)}
	g.Expect(s.directory.writeRecord(unanswered)).To(Succeed())

	seen, err := clusters.Observe(t.Context(), "a", "leftover")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(seen.Running).To(BeTrue())
	g.Expect(seen.Silence).To(MatchError(ContainSubstring("connection refused")))
	g.Expect(etcd.Running()).To(BeTrue())
}

func TestCheckPrograms(t *testing.T) {
	g := NewWithT(t)
	g.Expect(newClusters(t, listens, runs).CheckPrograms()).To(Succeed())
	g.Expect(newClusters(t, "", runs).CheckPrograms()).To(MatchError(ContainSubstring("the program etcd")))
	g.Expect(newClusters(t, runs, "").CheckPrograms()).To(MatchError(ContainSubstring("the program kube-apiserver")))
}

// startLeftover makes the directory of a cluster "a" with the ID "leftover", in which only etcd runs: a creation that
// was killed.
func startLeftover(t *testing.T, clusters Clusters) process.Identity {
	t.Helper()
	g := NewWithT(t)
	s := starterOf(t, clusters)
	g.Expect(s.directory.prepare(record{ID: "leftover"}, time.Now())).To(Succeed())
	_, err := s.startEtcd(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
	identity, err := process.ReadRecord(s.directory.processRecord(etcd))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(identity.Running()).To(BeTrue())
	return identity
}

func starterOf(t *testing.T, clusters Clusters) starter {
	t.Helper()
	g := NewWithT(t)
	hold, err := os.Create(t.TempDir() + "/hold")
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { _ = hold.Close() })
	return starter{assetsDir: clusters.assetsDir, freePort: freePort, directory: clusters.directory("a"), hold: hold}
}
