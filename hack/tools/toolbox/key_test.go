package toolbox

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
)

func TestKeyOfOwnSource(t *testing.T) {
	tests := []struct {
		name    string
		change  func(t *testing.T, b *box, p *program)
		differs bool
	}{
		{name: "nothing changes", change: func(*testing.T, *box, *program) {}},
		{name: "source", differs: true, change: func(t *testing.T, b *box, p *program) {
			b.write(t, *p, "main.go", tinyMain+"// another line\n")
		}},
		{name: "a new file", differs: true, change: func(t *testing.T, b *box, p *program) {
			b.write(t, *p, "internal/server/server.go", "package server\n")
		}},
		{name: "an embedded file", differs: true, change: func(t *testing.T, b *box, p *program) {
			b.write(t, *p, "template.hcl", "terraform {}\n")
		}},
		{name: "go.mod", differs: true, change: func(t *testing.T, b *box, p *program) {
			b.write(t, *p, "go.mod", "module example.test/tiny\n\ngo 1.26.1\n")
		}},
		{name: "go.sum", differs: true, change: func(t *testing.T, b *box, p *program) {
			b.write(t, *p, "go.sum", "example.test/other v1.2.3 h1:x\n")
		}},
		{name: "package", differs: true, change: func(_ *testing.T, _ *box, p *program) { p.pkg = "./cmd" }},
		{name: "place of the executable", differs: true, change: func(_ *testing.T, _ *box, p *program) { p.file = "bin/tiny" }},
		{name: "build tags", differs: true, change: func(_ *testing.T, _ *box, p *program) { p.tags = "no_cgo" }},
		{name: "carried folders", differs: true, change: func(_ *testing.T, _ *box, p *program) {
			p.carried = map[string]string{"config": "config"}
		}},
		{name: "a test", change: func(t *testing.T, b *box, p *program) { b.write(t, *p, "main_test.go", "package main\n") }},
		{name: "a test's data", change: func(t *testing.T, b *box, p *program) { b.write(t, *p, "testdata/a.txt", "a") }},
		{name: "a hidden file", change: func(t *testing.T, b *box, p *program) { b.write(t, *p, ".editor/state", "a") }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := NewWithT(t)
			b, p := tiny(t)
			before, err := b.key(t.Context(), p)
			g.Expect(err).NotTo(HaveOccurred())
			test.change(t, b, &p)
			after, err := b.key(t.Context(), p)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(after != before).To(Equal(test.differs), "before %s, after %s", before, after)
		})
	}
}

func TestKeyOfPinnedModule(t *testing.T) {
	g := NewWithT(t)
	b, p := tiny(t)
	p.module = "example.test/other"
	p.stamp = func(version string) []string { return []string{"-X", "main.version=" + version} }

	before, err := b.key(t.Context(), p)
	g.Expect(err).NotTo(HaveOccurred())
	flags, err := b.buildFlags(p)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(flags).To(ContainElement("-s -w -X main.version=v1.2.3"))

	b.write(t, p, "main.go", tinyMain+"// only pins count\n")
	g.Expect(b.key(t.Context(), p)).To(Equal(before))

	b.write(t, p, "go.sum", "example.test/other v1.2.3 h1:x\n")
	g.Expect(b.key(t.Context(), p)).NotTo(Equal(before))
	b.write(t, p, "go.sum", "")
	g.Expect(b.key(t.Context(), p)).To(Equal(before))

	p.stamp = func(version string) []string { return []string{"-X", "main.release=" + version} }
	g.Expect(b.key(t.Context(), p)).NotTo(Equal(before))

	p.module = "example.test/absent"
	_, err = b.key(t.Context(), p)
	g.Expect(err).To(MatchError(ContainSubstring("does not require example.test/absent")))
}

// The pins that the catalogue reads versions from must exist.
func TestCatalogueStampsRealVersions(t *testing.T) {
	g := NewWithT(t)
	dir, err := os.Getwd()
	g.Expect(err).NotTo(HaveOccurred())
	root, err := checkout(dir)
	g.Expect(err).NotTo(HaveOccurred())
	b := &box{root: root}
	for _, p := range catalogue() {
		if p.module == "" {
			continue
		}
		_, err := requiredVersion(filepath.Join(b.moduleDir(p), "go.mod"), p.module)
		g.Expect(err).NotTo(HaveOccurred(), p.name)
	}
}

func TestStampKube(t *testing.T) {
	g := NewWithT(t)
	flags := stampKube("example.test/version")("v1.36.3")
	g.Expect(flags).To(ContainElements(
		"example.test/version.gitVersion=v1.36.3",
		"example.test/version.gitMajor=1",
		"example.test/version.gitMinor=36",
	))
}
