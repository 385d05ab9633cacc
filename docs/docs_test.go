package docs_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/runtime/serializer"

	"github.com/captproject/capt/dev/environment"
)

// root is the checkout, seen from this folder.
const root = ".."

func TestEveryReasonAndConditionIsDocumented(t *testing.T) {
	g := NewWithT(t)
	pages := read(t, "kinds/*.md")
	name := regexp.MustCompile(`^([rR]eason[A-Z]\w*|NotReached|[A-Z]\w*Condition)$`)
	found := 0
	for _, dir := range []string{"api", "internal"} {
		for _, c := range constants(t, filepath.Join(root, dir)) {
			if !name.MatchString(c.name) {
				continue
			}
			found++
			g.Expect(pages).To(ContainSubstring("`"+c.value+"`"), "%s (%s) is not in docs/kinds", c.name, c.file)
		}
	}
	g.Expect(found).To(BeNumerically(">", 80), "constants found in the code")
}

func TestEveryReasonOfTheKubeconfigIsInTheRunbook(t *testing.T) {
	g := NewWithT(t)
	page := read(t, "kubeconfig.md")
	found := 0
	for _, dir := range []string{"kubeconfig", "contract", "workload", "controller/controlplane"} {
		for _, c := range constants(t, filepath.Join(root, "internal", dir)) {
			if !strings.HasPrefix(c.name, "Reason") || filepath.Base(c.file) == "phase_workspace.go" {
				continue
			}
			found++
			g.Expect(page).To(ContainSubstring("\n### `"+c.value+"`\n"), "%s (%s) has no heading in docs/kubeconfig.md", c.name, c.file)
		}
	}
	g.Expect(found).To(BeNumerically(">", 40), "reasons found in the code")
}

func TestEveryMetricIsDocumented(t *testing.T) {
	g := NewWithT(t)
	metric := regexp.MustCompile(`^capt_[a-z_]+$`)
	found := 0
	for dir, name := range map[string]string{
		"controller/controlplane": "kubeconfig.md", "controller/run": "runs.md", "phase": "runs.md",
	} {
		page := read(t, name)
		for _, text := range literals(t, filepath.Join(root, "internal", dir)) {
			if metric.MatchString(text) {
				found++
				g.Expect(page).To(ContainSubstring("`"+text+"`"), "a metric is not in docs/%s", name)
			}
		}
	}
	g.Expect(found).To(BeNumerically(">", 7), "metrics found in the code")
}

func TestEveryOutputNameIsDocumented(t *testing.T) {
	g := NewWithT(t)
	page := read(t, "module-contract.md")
	for _, name := range literals(t, filepath.Join(root, "internal/contract/names.go")) {
		g.Expect(page).To(ContainSubstring("`"+name+"`"), "an output name of internal/contract/names.go is missing")
	}
}

func TestEveryTestOfTheContractExists(t *testing.T) {
	g := NewWithT(t)
	tests := testsByFolder(t)
	named := regexp.MustCompile("`(\\w+\\.Test\\w+)`").FindAllStringSubmatch(read(t, "contract.md"), -1)
	for _, match := range named {
		g.Expect(tests).To(HaveKey(match[1]), "docs/contract.md names a test")
	}
	g.Expect(len(named)).To(BeNumerically(">", 50), "tests named")
}

// testsByFolder are all tests, each by the last part of its folder and its name.
func testsByFolder(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, match := range function.FindAllSubmatch(text, -1) {
			found[filepath.Base(filepath.Dir(path))+"."+string(match[1])] = true
		}
		return err
	})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return found
}

func TestEveryMakeTargetExists(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	var targets []string
	for _, match := range regexp.MustCompile(`(?m)^([a-z0-9-]+):`).FindAllStringSubmatch(string(makefile), -1) {
		targets = append(targets, match[1])
	}
	for path, text := range pages(t) {
		for _, mention := range append(
			regexp.MustCompile("`make ([a-z0-9-]+)").FindAllStringSubmatch(text, -1),
			regexp.MustCompile(`(?m)^make ([a-z0-9-]+)`).FindAllStringSubmatch(strings.Join(blocks(text, "sh"), ""), -1)...) {
			NewWithT(t).Expect(targets).To(ContainElement(mention[1]), "%s mentions a make target", path)
		}
	}
}

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for path, text := range pages(t) {
		for _, match := range link.FindAllStringSubmatch(withoutCode(text), -1) {
			if strings.Contains(match[1], "://") {
				continue
			}
			NewWithT(t).Expect(follow(path, match[1])).To(Succeed(), "a link in %s", path)
		}
	}
}

// follow finds the target of a relative link, and its heading if there is one.
func follow(page, link string) error {
	target, heading, _ := strings.Cut(link, "#")
	path := page
	if target != "" {
		path = filepath.Join(filepath.Dir(page), target)
	}
	if _, err := os.Stat(path); err != nil || heading == "" {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for line := range strings.Lines(withoutCode(string(text))) {
		if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && line[0] == '#' && anchor(title) == heading {
			return nil
		}
	}
	return fmt.Errorf("%s has no heading for #%s", path, heading)
}

// anchor is what GitHub makes of a heading.
func anchor(title string) string {
	kept := strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z':
			return r
		}
		return -1
	}, strings.ToLower(strings.TrimSpace(title)))
	return kept
}

func TestExamplesHaveNoUnknownField(t *testing.T) {
	decoder := serializer.NewCodecFactory(environment.Scheme(), serializer.EnableStrict).UniversalDeserializer()
	examples := 0
	for path, text := range pages(t) {
		for _, block := range blocks(text, "yaml") {
			for _, document := range strings.Split(block, "---\n") {
				examples++
				_, _, err := decoder.Decode([]byte(document), nil, nil)
				NewWithT(t).Expect(err).NotTo(HaveOccurred(), "an example in %s:\n%s", path, document)
			}
		}
	}
	NewWithT(t).Expect(examples).To(BeNumerically(">", 5), "examples found")
}

// pages are all pages for people, by path.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, pattern := range []string{"README.md", "docs/*.md", "docs/*/*.md", "examples/*/*.md"} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		NewWithT(t).Expect(paths).NotTo(BeEmpty(), pattern)
		for _, path := range paths {
			text, err := os.ReadFile(path)
			NewWithT(t).Expect(err).NotTo(HaveOccurred())
			found[path] = string(text)
		}
	}
	return found
}

// read joins the pages of this folder that match the pattern.
func read(t *testing.T, pattern string) string {
	t.Helper()
	var all strings.Builder
	for path, text := range pages(t) {
		if ok, _ := filepath.Match(filepath.Join(root, "docs", pattern), path); ok {
			all.WriteString(text)
		}
	}
	return all.String()
}

// blocks are the blocks of code in a language.
func blocks(text, language string) []string {
	var found []string
	for _, match := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```").FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	return found
}

// withoutCode drops blocks of code, in which ]( and # mean something else.
func withoutCode(text string) string {
	return regexp.MustCompile("(?ms)^```.*?^```").ReplaceAllString(text, "")
}

// constant is one with a text as its value.
type constant struct{ file, name, value string }

// constants are those of all Go files below a folder, without tests.
func constants(t *testing.T, dir string) []constant {
	t.Helper()
	var found []constant
	inspect(t, dir, func(path string, node ast.Node) bool {
		declaration, ok := node.(*ast.GenDecl)
		if !ok || declaration.Tok != token.CONST {
			return true
		}
		for _, spec := range declaration.Specs {
			found = append(found, textsOf(path, spec.(*ast.ValueSpec))...)
		}
		return false
	})
	return found
}

func textsOf(path string, spec *ast.ValueSpec) []constant {
	var found []constant
	for i, value := range spec.Values {
		if literal, ok := value.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			text, _ := strconv.Unquote(literal.Value) // it parses
			found = append(found, constant{path, spec.Names[i].Name, text})
		}
	}
	return found
}

// literals are the texts in a Go file, or in all below a folder, without tests
// and without what is imported.
func literals(t *testing.T, path string) []string {
	t.Helper()
	var found []string
	inspect(t, path, func(_ string, node ast.Node) bool {
		if _, is := node.(*ast.ImportSpec); is {
			return false
		}
		if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			text, _ := strconv.Unquote(literal.Value) // it parses
			found = append(found, text)
		}
		return true
	})
	NewWithT(t).Expect(len(found)).To(BeNumerically(">", 20), "texts in %s", path)
	return found
}

// inspect shows every node of a Go file, or of all below a folder without tests,
// and goes on below those that visit returns true for.
func inspect(t *testing.T, below string, visit func(path string, node ast.Node) bool) {
	t.Helper()
	err := filepath.WalkDir(below, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(node ast.Node) bool { return visit(path, node) })
		return nil
	})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
}
