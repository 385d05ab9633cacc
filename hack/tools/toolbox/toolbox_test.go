package toolbox

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
)

const tinyMain = `package main

var version = "none"

func main() { println(version) }
`

// tiny is a checkout with one program in a module of its own that needs
// nothing but the Go toolchain.
func tiny(t *testing.T) (*box, program) {
	t.Helper()
	p := program{name: "tiny", dir: "hack/tiny", pkg: "."}
	b := &box{
		root:      t.TempDir(),
		cache:     filepath.Join(t.TempDir(), "tools"),
		catalogue: []program{p},
		getenv:    func(string) string { return "" },
	}
	b.write(t, p, "go.mod", "module example.test/tiny\n\ngo 1.26.0\n\nrequire example.test/other v1.2.3\n")
	b.write(t, p, "go.sum", "")
	b.write(t, p, "main.go", tinyMain)
	return b, p
}

func (b *box) write(t *testing.T, p program, name, content string) {
	t.Helper()
	file := filepath.Join(b.moduleDir(p), name)
	NewWithT(t).Expect(os.MkdirAll(filepath.Dir(file), 0o755)).To(Succeed())
	NewWithT(t).Expect(os.WriteFile(file, []byte(content), 0o644)).To(Succeed())
}

// left lists what the cache holds, its lock file aside.
func (b *box) left(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(b.cache)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	var names []string
	for _, entry := range entries {
		if entry.Name() != ".lock" {
			names = append(names, entry.Name())
		}
	}
	return names
}

func (b *box) ensureTiny(ctx context.Context) (Programs, string, error) {
	var out bytes.Buffer
	programs, err := b.ensure(ctx, &out, []string{"tiny"})
	return programs, out.String(), err
}
