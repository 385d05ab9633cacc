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
	"cluster-template-aks.yaml":       {"aks/templates.yaml", "aks/cluster.yaml"},
	"cluster-template-eks.yaml":       {"eks/templates.yaml", "eks/cluster.yaml"},
	"cluster-template-gke.yaml":       {"gke/templates.yaml", "gke/cluster.yaml"},
	"cluster-template-localkube.yaml": {"localkube/templates.yaml", "localkube/cluster.yaml", "localkube-workers/templates.yaml", "localkube-workers/workers.yaml"},
	"cluster-template-topology.yaml":  {"clusterclass/cluster.yaml"},
	"clusterclass-localkube.yaml":     {"localkube/templates.yaml", "localkube-workers/templates.yaml", "clusterclass/clusterclass.yaml"},
}

// variables are what an example says and a template asks for.
var variables = []struct {
	example  *regexp.Regexp
	variable string
}{
	{regexp.MustCompile(`\bhello\b`), "$${CLUSTER_NAME}"},
	{regexp.MustCompile(`(?m)(^ +version: )v1\.\d+\.\d+$`), "$1$${KUBERNETES_VERSION}"},
	{regexp.MustCompile(`(?m)(^ +replicas: )\d+$`), "$1$${WORKER_MACHINE_COUNT}"},
	{regexp.MustCompile(`\beu-central-1\b`), "$${AWS_REGION}"},
	{regexp.MustCompile(`\bwesteurope\b`), "$${AZURE_LOCATION}"},
	{regexp.MustCompile(`\beurope-west1\b`), "$${GCP_REGION}"},
	{regexp.MustCompile(`\bmy-project\b`), "$${GCP_PROJECT}"},
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
