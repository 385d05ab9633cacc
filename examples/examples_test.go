// Package examples_test shows that a real API server takes the examples, and that
// OpenTofu reads their modules.
package examples_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/hack/tools/toolbox"
	"github.com/captproject/capt/test/envtest"
)

var env envtest.Environment

func TestMain(m *testing.M) { os.Exit(envtest.Run(m, &env)) }

// objects are those of all files of the example, strictly decoded.
func objects(t *testing.T, dir string) []client.Object {
	t.Helper()
	g := NewWithT(t)
	decoder := serializer.NewCodecFactory(env.Scheme, serializer.EnableStrict).UniversalDeserializer()
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	var found []client.Object
	for _, file := range files {
		content, err := os.ReadFile(file)
		g.Expect(err).NotTo(HaveOccurred())
		for _, document := range strings.Split(string(content), "\n---\n")[1:] {
			object, _, err := decoder.Decode([]byte(document), nil, nil)
			g.Expect(err).NotTo(HaveOccurred(), "%s:\n%s", file, document)
			found = append(found, object.(client.Object))
		}
	}
	g.Expect(found).NotTo(BeEmpty(), dir)
	return found
}

// dirs are the folders of the examples.
func dirs(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*/*.yaml")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	seen := map[string]bool{}
	var found []string
	for _, file := range files {
		if dir := filepath.Dir(file); !seen[dir] {
			seen[dir] = true
			found = append(found, dir)
		}
	}
	NewWithT(t).Expect(len(found)).To(BeNumerically(">=", 5))
	return found
}

func TestEveryExampleIsAccepted(t *testing.T) {
	for _, dir := range dirs(t) {
		t.Run(dir, func(t *testing.T) {
			g := NewWithT(t)
			namespace := env.Namespace(t)
			for _, object := range objects(t, dir) {
				object.SetNamespace(namespace)
				g.Expect(env.Client.Create(t.Context(), object)).To(Succeed(), "%T %s", object, object.GetName())
			}
		})
	}
}

func TestEveryModuleIsFormatted(t *testing.T) {
	programs, err := toolbox.Ensure(context.Background(), os.Stderr, toolbox.Tofu)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	modules := 0
	for _, dir := range dirs(t) {
		for _, object := range objects(t, dir) {
			template, ok := object.(*infrav1.WorkspaceTemplate)
			if !ok {
				continue
			}
			modules++
			cmd := exec.Command(programs.Path(toolbox.Tofu), "fmt", "-check", "-diff", "-")
			cmd.Stdin = strings.NewReader(template.Spec.Template.Spec.ForProvider.Module)
			output, err := cmd.CombinedOutput()
			NewWithT(t).Expect(err).NotTo(HaveOccurred(), "%s: module of %s:\n%s", dir, template.Name, output)
		}
	}
	NewWithT(t).Expect(modules).To(BeNumerically(">=", 8))
}

// What a cluster refers to is in the same example, or in that of the modules.
func TestEveryTemplateIsThere(t *testing.T) {
	templates := map[string]bool{}
	var used []string
	for _, dir := range dirs(t) {
		for _, object := range objects(t, dir) {
			content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
			NewWithT(t).Expect(err).NotTo(HaveOccurred())
			if _, ok := object.(*infrav1.WorkspaceTemplate); ok {
				templates[object.GetName()] = true
			}
			used = append(used, references(content)...)
		}
	}
	NewWithT(t).Expect(used).To(HaveLen(12))
	for _, name := range used {
		NewWithT(t).Expect(templates).To(HaveKey(name))
	}
}

// references are the names in all fields workspaceTemplateRef.
func references(content map[string]any) (names []string) {
	for key, value := range content {
		child, ok := value.(map[string]any)
		if !ok {
			continue
		}
		if key == "workspaceTemplateRef" {
			names = append(names, child["name"].(string))
		}
		names = append(names, references(child)...)
	}
	return names
}
