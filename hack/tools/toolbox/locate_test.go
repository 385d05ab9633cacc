package toolbox

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
)

func TestProvided(t *testing.T) {
	assets := t.TempDir()
	tool := filepath.Join(assets, Kubectl)
	text := filepath.Join(assets, "readme")
	g := NewWithT(t)
	g.Expect(os.WriteFile(tool, nil, 0o755)).To(Succeed())
	g.Expect(os.WriteFile(text, nil, 0o644)).To(Succeed())

	tests := []struct {
		name    string
		program string
		env     map[string]string
		path    string
		problem string
	}{
		{name: "nothing named", program: Kubectl},
		{name: "in the assets", program: Kubectl, env: map[string]string{AssetsVariable: assets}, path: tool},
		{name: "not in the assets", program: Etcd, env: map[string]string{AssetsVariable: assets}, problem: AssetsVariable + " gives no etcd (unset it"},
		{name: "assets do not matter", program: ClusterAPICore, env: map[string]string{AssetsVariable: assets}},
		{name: "tofu", program: Tofu, env: map[string]string{TofuVariable: tool}, path: tool},
		{name: "clusterctl", program: Clusterctl, env: map[string]string{ClusterctlVariable: tool}, path: tool},
		{name: "another's variable", program: Clusterctl, env: map[string]string{TofuVariable: tool}},
		{name: "not executable", program: Tofu, env: map[string]string{TofuVariable: text}, problem: "not an executable file"},
		{name: "a folder", program: Tofu, env: map[string]string{TofuVariable: assets}, problem: "not an executable file"},
		{name: "absent", program: Tofu, env: map[string]string{TofuVariable: "/absent"}, problem: "no such file"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := NewWithT(t)
			path, err := provided(test.program, func(name string) string { return test.env[name] })
			if test.problem != "" {
				g.Expect(err).To(MatchError(ContainSubstring(test.problem)))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(path).To(Equal(test.path))
		})
	}
}

func TestProvidedIsNotBuilt(t *testing.T) {
	g := NewWithT(t)
	b, p := tiny(t)
	p.name, p.dir = Tofu, "absent"
	b.catalogue = []program{p}
	mine := filepath.Join(t.TempDir(), "my-tofu")
	g.Expect(os.WriteFile(mine, nil, 0o755)).To(Succeed())
	b.getenv = func(name string) string { return map[string]string{TofuVariable: mine}[name] }

	programs, err := b.ensure(t.Context(), nil, nil)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(programs.Path(Tofu)).To(Equal(mine))
}

func TestCheckout(t *testing.T) {
	g := NewWithT(t)
	root := t.TempDir()
	deep := filepath.Join(root, "test", "own")
	g.Expect(os.MkdirAll(deep, 0o755)).To(Succeed())
	g.Expect(os.WriteFile(filepath.Join(deep, "go.mod"), []byte("module "+rootModule+"/test/own\n"), 0o644)).To(Succeed())
	_, err := checkout(deep)
	g.Expect(err).To(MatchError(ContainSubstring("no checkout of")))

	g.Expect(os.WriteFile(filepath.Join(root, "go.mod"), []byte("module "+rootModule+"\n"), 0o644)).To(Succeed())
	g.Expect(checkout(deep)).To(Equal(root))
}

func TestCacheDir(t *testing.T) {
	g := NewWithT(t)
	t.Setenv("XDG_CACHE_HOME", "/caches")
	none := func(string) string { return "" }
	g.Expect(cacheDir(none)).To(Equal("/caches/capt/tools"))
	g.Expect(cacheDir(func(name string) string { return map[string]string{ToolsDirVariable: "/mine"}[name] })).To(Equal("/mine"))

	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("HOME", "")
	_, err := cacheDir(none)
	g.Expect(err).To(MatchError(ContainSubstring("set " + ToolsDirVariable)))
}
