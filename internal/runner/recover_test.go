package runner

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/inputs"
	"github.com/captproject/capt/internal/tfstate"
)

// The same run, started again, saves what it could not save and goes on: with
// what was made, and nothing twice.
func TestAStateOnDiskIsSavedByTheSameRun(t *testing.T) {
	w := newWorkspace(t)
	reliable := w.client
	w.client = &unreliable{w.client, refuseTimes(-1)}
	w.Grace = time.Second
	w.Expect(w.apply(inline(dataModule)).Reason).To(Equal(ReasonStateNotSaved))

	w.client = reliable
	result := w.run(context.Background(), "w-1", infrav1.OperationApply)
	w.Expect(result.Phase).To(Equal(infrav1.RunSucceeded), result.Message)
	w.Expect(counted(result)).To(Equal(counts(0, 0, 0, 0)))
	w.Expect(result.KeepDirectory).To(BeFalse())
	w.Expect(StateOnDisk(w.Dir)).To(BeEmpty())
	w.Expect(w.outputs()).To(Equal(map[string]any{"out": "hello"}))
	w.Expect(w.holder()).To(BeEmpty())
}

// OpenTofu leaves its first state without a lineage when its runner is dead: it
// has never been told that there is no state yet.
func TestAFirstStateIsSavedWithoutALineage(t *testing.T) {
	g := NewWithT(t)
	b := newBackend(t)
	r := &run{
		Options: Options{Dir: t.TempDir(), Grace: time.Minute}, store: b.store, log: b.log,
		redactor: newRedactor(), inputs: &inputs.Inputs{}, lock: &stateLock{resumed: true},
	}
	left := r.path(filepath.Join(workDir, erroredState))
	g.Expect(os.MkdirAll(filepath.Dir(left), 0o700)).To(Succeed())
	g.Expect(os.WriteFile(left, []byte(`{"version":4,"serial":1,"lineage":"","resources":[]}`), 0o600)).To(Succeed())
	g.Expect(r.recover(t.Context())).To(Succeed())
	g.Expect(StateOnDisk(r.Dir)).To(BeEmpty())
	version, err := tfstate.VersionOf(b.store.state)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(version.Lineage).NotTo(BeEmpty())
}

// In doubt, nothing is overwritten and nothing removed.
func TestAStateOnDiskThatIsNotProvenToBelong(t *testing.T) {
	const stored = `{"version":4,"serial":5,"lineage":"l","resources":[]}`
	for name, tc := range map[string]struct {
		left    []string
		resumed bool
		want    string
	}{
		"the successor":             {[]string{`{"version":4,"serial":6,"lineage":"l"}`}, true, ""},
		"the same, indented":        {[]string{"{\n\"lineage\":\"l\",\"version\":4,\"serial\":5,\"resources\":[]}"}, true, ""},
		"the later of two":          {[]string{`{"serial":6,"lineage":"l"}`, `{"serial":7,"lineage":"l"}`}, true, ""},
		"the lock was lost":         {[]string{`{"serial":6,"lineage":"l"}`}, false, "lost its lock"},
		"another lineage":           {[]string{`{"serial":6,"lineage":"m"}`}, true, "another lineage"},
		"an older one":              {[]string{`{"serial":4,"lineage":"l"}`}, true, "has serial 4"},
		"another of the same age":   {[]string{`{"serial":5,"lineage":"l","resources":[1]}`}, true, "has serial 5"},
		"two that are not related":  {[]string{`{"serial":6,"lineage":"l"}`, `{"serial":7,"lineage":"m"}`}, true, "different lineages"},
		"one without a lineage":     {[]string{`{"serial":6,"lineage":""}`}, true, "it is no state"},
		"cut off by a disk so full": {[]string{`{"serial":6,"lineage":"l`}, true, "it is no state"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			ctx := context.Background()
			b := newBackend(t)
			g.Expect(b.store.save(ctx, []byte(stored))).To(Succeed())
			r := &run{
				Options: Options{Dir: t.TempDir(), Grace: time.Minute}, store: b.store, log: b.log,
				redactor: newRedactor(), inputs: &inputs.Inputs{}, lock: &stateLock{resumed: tc.resumed},
			}
			for i, name := range []string{unsavedFile, filepath.Join(workDir, erroredState)}[:len(tc.left)] {
				g.Expect(os.MkdirAll(filepath.Dir(r.path(name)), 0o700)).To(Succeed())
				g.Expect(os.WriteFile(r.path(name), []byte(tc.left[i]), 0o600)).To(Succeed())
			}
			err := r.recover(ctx)
			if tc.want == "" {
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(StateOnDisk(r.Dir)).To(BeEmpty())
				g.Expect(string(b.store.state)).To(MatchJSON(tc.left[len(tc.left)-1]))
				return
			}
			g.Expect(err).To(MatchError(And(ContainSubstring(ReasonStateNotSaved), ContainSubstring(tc.want))))
			g.Expect(StateOnDisk(r.Dir)).To(HaveLen(len(tc.left)))
			g.Expect(string(b.store.state)).To(Equal(stored))
		})
	}
}

// onFullDisk has the run's directory be on a disk that its module fills up.
func (w *workspace) onFullDisk() string {
	w.t.Helper()
	if os.Getuid() != 0 {
		w.t.Skip("needs root, to mount a small disk")
	}
	disk := w.t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=4m"); err != nil {
		w.t.Skipf("a small disk cannot be mounted: %v", err)
	}
	w.t.Cleanup(func() { w.Expect(unix.Unmount(disk, unix.MNT_DETACH)).To(Succeed()) })
	w.Dir = filepath.Join(disk, "run")
	return `resource "terraform_data" "a" {
  provisioner "local-exec" { command = "dd if=/dev/zero of=` + disk + `/filling bs=4096 2>/dev/null; true" }
}`
}

func TestAFullDiskLosesNothing(t *testing.T) {
	w := newWorkspace(t)
	module := w.onFullDisk()
	w.client = &unreliable{w.client, refuseTimes(2)}
	result := w.apply(inline(module))
	w.Expect(result.Phase).To(Equal(infrav1.RunSucceeded), result.Message)
	w.Expect(w.log()).To(ContainSubstring("no space left on device"))
	w.Expect(StateOnDisk(w.Dir)).To(BeEmpty())
	again := w.run(context.Background(), "w-2", infrav1.OperationApply)
	w.Expect(counted(again)).To(Equal(counts(0, 0, 0, 0)), again.Message)
}

// The disk is full and the API server stays away: what was made is nowhere. The
// lock tells.
func TestAStateThatIsNowhereKeepsTheLock(t *testing.T) {
	w := newWorkspace(t)
	module := w.onFullDisk()
	w.client = &unreliable{w.client, refuseTimes(-1)}
	w.Grace = time.Second
	result := w.apply(inline(module))
	w.Expect(result.Reason).To(Equal(ReasonStateNotSaved))
	w.Expect(result.Message).To(ContainSubstring("no space left on device"))
	w.Expect(result.KeepDirectory).To(BeTrue())
	w.Expect(w.holder()).To(Equal("w-1"))
}

func TestAStateNearTheLimitIsSaidSo(t *testing.T) {
	for size, reason := range map[int]string{7: ReasonStateNearLimit, 1: ""} {
		g := NewWithT(t)
		r := &run{result: &Result{}, inputs: &inputs.Inputs{}, store: &stateStore{state: stateOf(1, size)}}
		r.warn()
		g.Expect(r.result.Reason).To(Equal(reason))
	}
}
