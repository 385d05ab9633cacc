package toolbox

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

func TestEnsureBuildsOnceAndThenIsSilent(t *testing.T) {
	g := NewWithT(t)
	b, p := tiny(t)
	p.stamp = func(version string) []string { return []string{"-X", "main.version=" + version} }
	p.module = "example.test/other"
	p.file = "bin/tiny"
	b.catalogue = []program{p}
	b.write(t, p, "go.mod", "module example.test/tiny\n\ngo 1.26.0\n\nrequire example.test/other v1.2.3\n\nreplace example.test/other => ./other\n")
	b.write(t, p, "other/go.mod", "module example.test/other\n\ngo 1.26.0\n")

	programs, out, err := b.ensureTiny(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(out).To(ContainSubstring("[1/1] tiny: building\n"))
	g.Expect(out).To(ContainSubstring("[1/1] tiny: built after"))
	path := programs.Path("tiny")
	g.Expect(path).To(HaveSuffix("/bin/tiny"))
	g.Expect(exec.CommandContext(t.Context(), path).CombinedOutput()).To(BeEquivalentTo("v1.2.3\n"))
	g.Expect(b.left(t)).To(ConsistOf("tiny"))

	again, out, err := b.ensureTiny(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(out).To(BeEmpty())
	g.Expect(again).To(Equal(programs))
}

func TestEnsureIgnoresGOFLAGS(t *testing.T) {
	g := NewWithT(t)
	b, _ := tiny(t)
	t.Setenv("GOFLAGS", "-mod=vendor")
	t.Setenv("GOOS", "plan9")
	programs, _, err := b.ensureTiny(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(exec.CommandContext(t.Context(), programs.Path("tiny")).Run()).To(Succeed())
}

func TestEnsureCarriesFoldersOfTheModule(t *testing.T) {
	g := NewWithT(t)
	b, p := tiny(t)
	p.name, p.module, p.pkg = ClusterAPICore, "example.test/other", "example.test/other"
	p.carried = map[string]string{"config/bases": crdsDir, "config/hooks": webhookDir}
	b.catalogue = []program{p}
	b.write(t, p, "go.mod", "module example.test/tiny\n\ngo 1.26.0\n\ntool example.test/other\n\nrequire example.test/other v1.2.3\n\nreplace example.test/other => ./other\n")
	b.write(t, p, "other/go.mod", "module example.test/other\n\ngo 1.26.0\n")
	b.write(t, p, "other/main.go", tinyMain)
	b.write(t, p, "other/config/bases/crd.yaml", "kind: CRD\n")
	b.write(t, p, "other/config/hooks/manifests.yaml", "kind: Hook\n")

	var out strings.Builder
	programs, err := b.ensure(t.Context(), &out, nil)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(os.ReadFile(filepath.Join(programs.ClusterAPICRDs, "crd.yaml"))).To(BeEquivalentTo("kind: CRD\n"))
	g.Expect(os.ReadFile(programs.ClusterAPIWebhooks)).To(BeEquivalentTo("kind: Hook\n"))
}

func TestEnsurePutsAssetsSideBySide(t *testing.T) {
	g := NewWithT(t)
	b, p := tiny(t)
	etcd, apiServer := p, p
	etcd.name, apiServer.name = Etcd, KubeAPIServer
	b.catalogue = []program{etcd, apiServer}

	programs, err := b.ensure(t.Context(), io.Discard, []string{Etcd})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(programs.Assets).To(BeEmpty())

	for range 2 {
		programs, err = b.ensure(t.Context(), io.Discard, nil)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(filepath.EvalSymlinks(filepath.Join(programs.Assets, Etcd))).To(Equal(programs.Path(Etcd)))
		g.Expect(filepath.EvalSymlinks(filepath.Join(programs.Assets, KubeAPIServer))).To(Equal(programs.Path(KubeAPIServer)))
		g.Expect(b.left(t)).To(ConsistOf(Etcd, KubeAPIServer, "assets"))
	}
	g.Expect(b.link(map[string]string{Etcd: programs.Path(Etcd)}, programs.Assets)).To(Succeed(), "made by another process meanwhile")
}

func TestEnsureAtTheSameTimeBuildsOnce(t *testing.T) {
	g := NewWithT(t)
	b, _ := tiny(t)
	const callers = 4
	outputs, errs := make([]string, callers), make([]error, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() { _, outputs[i], errs[i] = b.ensureTiny(t.Context()) })
	}
	wg.Wait()
	g.Expect(errs).To(HaveEach(BeNil()))
	g.Expect(strings.Count(strings.Join(outputs, ""), "tiny: built after")).To(Equal(1))
	g.Expect(b.left(t)).To(ConsistOf("tiny"))
}

func TestEnsureReportsTheCompiler(t *testing.T) {
	g := NewWithT(t)
	b, p := tiny(t)
	b.write(t, p, "main.go", "package main\n\nfunc main() { undefinedName() }\n")
	_, out, err := b.ensureTiny(t.Context())
	g.Expect(err).To(MatchError(And(
		ContainSubstring("build tiny"),
		ContainSubstring("hack/tiny"),
		ContainSubstring("main.go:3:15: undefined: undefinedName"),
	)))
	g.Expect(out).To(ContainSubstring("tiny: failed after"))
	g.Expect(b.left(t)).To(BeEmpty())

	b.write(t, p, "main.go", tinyMain)
	_, _, err = b.ensureTiny(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
}

// The go command is a script here: it says that it runs and then waits to be
// interrupted.
func TestEnsureInterruptsTheBuild(t *testing.T) {
	g := NewWithT(t)
	b, p := tiny(t)
	bin := t.TempDir()
	running := filepath.Join(bin, "running")
	g.Expect(syscall.Mkfifo(running, 0o600)).To(Succeed())
	script := "#!/bin/sh\ntrap 'exit 1' INT\necho > " + running + "\nwhile :; do sleep 0.1; done\n"
	g.Expect(os.WriteFile(filepath.Join(bin, "go"), []byte(script), 0o755)).To(Succeed())
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))

	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = os.ReadFile(running)
		cancel()
	}()
	_, err := b.golang(ctx, p, "build")
	g.Expect(err).To(MatchError(context.Canceled))
}

func TestLockStopsWaitingWhenCancelled(t *testing.T) {
	g := NewWithT(t)
	b, _ := tiny(t)
	g.Expect(os.MkdirAll(b.cache, 0o755)).To(Succeed())
	unlock, err := b.lock(t.Context(), func() {})
	g.Expect(err).NotTo(HaveOccurred())
	defer unlock()

	ctx, cancel := context.WithCancel(t.Context())
	_, err = b.lock(ctx, cancel)
	g.Expect(err).To(MatchError(context.Canceled))
}

func TestEnsureRefusesUnknownNames(t *testing.T) {
	g := NewWithT(t)
	b, _ := tiny(t)
	_, err := b.ensure(t.Context(), nil, []string{"tiny", "tinny"})
	g.Expect(err).To(MatchError(`unknown program "tinny": known are tiny`))
}

func TestEnsureBuildsOptionalProgramsOnlyByName(t *testing.T) {
	g := NewWithT(t)
	b, p := tiny(t)
	p.optional = true
	b.catalogue = []program{p}
	g.Expect(b.selected(nil)).To(BeEmpty())
	g.Expect(b.selected([]string{"tiny"})).To(HaveLen(1))
}

func TestBuildTidiesTheCache(t *testing.T) {
	g := NewWithT(t)
	b, p := tiny(t)
	old, recent := filepath.Join(b.cache, "tiny", "old"), filepath.Join(b.cache, "tiny", "recent")
	interrupted := filepath.Join(b.cache, buildingPrefix+"1")
	for _, dir := range []string{old, recent, interrupted} {
		g.Expect(os.MkdirAll(dir, 0o755)).To(Succeed())
	}
	longAgo := time.Now().Add(-2 * keepUnused)
	g.Expect(os.Chtimes(old, longAgo, longAgo)).To(Succeed())

	programs, _, err := b.ensureTiny(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(old).NotTo(BeADirectory())
	g.Expect(interrupted).NotTo(BeADirectory())
	g.Expect(recent).To(BeADirectory())

	// Asking for a program keeps it, however long ago it was built.
	entry := filepath.Dir(programs.Path("tiny"))
	g.Expect(os.Chtimes(entry, longAgo, longAgo)).To(Succeed())
	_, _, err = b.ensureTiny(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
	b.write(t, p, "main.go", tinyMain+"// another program\n")
	_, _, err = b.ensureTiny(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(entry).To(BeADirectory())
}

func TestPathOfAProgramNotAskedFor(t *testing.T) {
	g := NewWithT(t)
	g.Expect(func() { Programs{}.Path(Tofu) }).To(PanicWith(ContainSubstring("tofu was not asked for")))
}
