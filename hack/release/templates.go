package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// templates are the files for clusterctl, each made of files in examples.
var templates = map[string][]string{
	"cluster-template-localkube.yaml": {"localkube/templates.yaml", "localkube/cluster.yaml"},
	"cluster-template-topology.yaml":  {"clusterclass/cluster.yaml"},
	"clusterclass-localkube.yaml":     {"localkube/templates.yaml", "clusterclass/clusterclass.yaml"},
}

// variables are what an example says and a template asks for. What has no default
// must be given to clusterctl.
var variables = []struct {
	example  *regexp.Regexp
	variable string
}{
	{regexp.MustCompile(`\bhello\b`), "$${CLUSTER_NAME}"},
	{regexp.MustCompile(`(?m)(^ +version: )v1\.36\.3$`), "$1$${KUBERNETES_VERSION}"},
}

// addTemplates makes the templates from the examples in dir.
func addTemplates(files map[string]string, dir string) error {
	for name, examples := range templates {
		var text strings.Builder
		for _, example := range examples {
			content, err := os.ReadFile(filepath.Join(dir, example))
			if err != nil {
				return fmt.Errorf("make %s: %w", name, err)
			}
			text.WriteString(templateOf(string(content)))
		}
		files[name] = text.String()
	}
	return nil
}

// templateOf makes a template from an example.
func templateOf(example string) string {
	text := escape(example)
	for _, v := range variables {
		text = v.example.ReplaceAllString(text, v.variable)
	}
	return text
}
