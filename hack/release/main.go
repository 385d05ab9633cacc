// Command release writes what clusterctl takes of a release, as a repository on
// the local file system together with a configuration of clusterctl for it: for
// each of CAPT's two providers its components, rendered from config/, and
// metadata.yaml; and the cluster templates and ClusterClasses, made from
// examples/. A release on GitHub has the same files as its assets.
//
//	go run ./hack/release -o DIR -version v1.2.3 -image NAME:TAG
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/captproject/capt/hack/tools/toolbox"
)

func main() {
	r := release{}
	flag.StringVar(&r.dir, "o", "", "directory to write")
	flag.StringVar(&r.version, "version", "", "version, with a v; metadata.yaml must have its series")
	flag.StringVar(&r.image, "image", "", "name of the image, with a tag")
	flag.Parse()
	if err := r.write(context.Background()); err != nil {
		fmt.Fprintf(os.Stderr, "hack/release: %v\n", err)
		os.Exit(1)
	}
}

// release says what is written.
type release struct{ dir, version, image string }

func (r release) write(ctx context.Context) error {
	metadata, err := os.ReadFile("metadata.yaml")
	if err != nil {
		return err
	}
	if err := checkSeries(metadata, r.version); err != nil {
		return err
	}
	programs, err := toolbox.Ensure(ctx, os.Stderr, toolbox.Kubectl)
	if err != nil {
		return err
	}
	for _, p := range providers {
		rendered, err := exec.CommandContext(ctx, programs.Path(toolbox.Kubectl), "kustomize", p.config).Output()
		if err != nil {
			return fmt.Errorf("render %s: %w", p.config, err)
		}
		components, err := componentsOf(string(rendered), r.image)
		if err != nil {
			return fmt.Errorf("render %s: %w", p.config, err)
		}
		files := map[string]string{p.components: components, "metadata.yaml": string(metadata)}
		if p.hasTemplates {
			if err := addTemplates(files, "examples"); err != nil {
				return err
			}
		}
		if err := writeFiles(filepath.Join(r.dir, p.label, r.version), files); err != nil {
			return err
		}
	}
	return r.writeConfiguration()
}

// writeConfiguration writes a clusterctl.yaml that knows the two providers.
func (r release) writeConfiguration() error {
	dir, err := filepath.Abs(r.dir)
	if err != nil {
		return err
	}
	text := "providers:\n"
	for _, p := range providers {
		text += fmt.Sprintf("- name: capt\n  type: %s\n  url: %s\n", p.kind, filepath.Join(dir, p.label, "latest", p.components))
	}
	return writeFiles(dir, map[string]string{"clusterctl.yaml": text})
}

func writeFiles(dir string, files map[string]string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}
