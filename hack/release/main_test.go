package main

import (
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

func TestCanonical(t *testing.T) {
	for image, name := range map[string]string{
		"capt:latest":                "docker.io/library/capt:latest",
		"me/capt:v1":                 "docker.io/me/capt:v1",
		"registry.example/capt:v1":   "registry.example/capt:v1",
		"localhost/capt:v1":          "localhost/capt:v1",
		"localhost:5000/team/capt:1": "localhost:5000/team/capt:1",
	} {
		NewWithT(t).Expect(canonical(image)).To(Equal(name))
	}
}

func TestComponents(t *testing.T) {
	g := NewWithT(t)
	g.Expect(componentsOf("a: ${name}\nimage: capt:latest\n", "r.example/capt:v1")).To(Equal("a: $${name}\nimage: r.example/capt:v1\n"))
	_, err := componentsOf("a: b\n", "r.example/capt:v1")
	g.Expect(err).To(MatchError(ContainSubstring(`expected "image: capt:latest" once`)))
}

func TestSeries(t *testing.T) {
	metadata := []byte("releaseSeries:\n- {major: 0, minor: 4, contract: v1beta2}\n")
	for version, refused := range map[string]string{
		"v0.4.0": "", "v0.4.12-rc.1": "",
		"v0.5.0": "no series 0.5", "v1.4.0": "no series 1.4", "0.4.0": "must be like v1.2.3", "": "must be like v1.2.3",
	} {
		err := checkSeries(metadata, version)
		if refused == "" {
			NewWithT(t).Expect(err).NotTo(HaveOccurred(), version)
			continue
		}
		NewWithT(t).Expect(err).To(MatchError(ContainSubstring(refused)), version)
	}
}

func TestTemplate(t *testing.T) {
	NewWithT(t).Expect(templateOf(`# hello
metadata: {name: hello-plane, other: helloworld}
  version: v1.36.3
  version: 1.0.0
  replicas: 2
  replicas = 2
  region: eu-central-1
  module: ${var.cluster_name}
`)).To(Equal(`# ${CLUSTER_NAME}
metadata: {name: ${CLUSTER_NAME}-plane, other: helloworld}
  version: ${KUBERNETES_VERSION}
  version: 1.0.0
  replicas: ${WORKER_MACHINE_COUNT}
  replicas = 2
  region: ${AWS_REGION}
  module: $${var.cluster_name}
`))
}

func TestEveryClusterExampleIsATemplate(t *testing.T) {
	g := NewWithT(t)
	examples := filepath.Join("..", "..", "examples")
	paths, err := filepath.Glob(filepath.Join(examples, "*", "cluster.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	var made strings.Builder
	for _, sources := range templates {
		made.WriteString(strings.Join(sources, " ") + " ")
	}
	for _, path := range paths {
		g.Expect(made.String()).To(ContainSubstring(filepath.Base(filepath.Dir(path)) + "/cluster.yaml"))
	}
	files := map[string]string{}
	g.Expect(addTemplates(files, examples)).To(Succeed())
	for name, text := range files {
		g.Expect(text).NotTo(ContainSubstring("hello"), name)
	}
}

// A class is for any number of clusters, whose variables are in their topologies.
func TestAClusterClassAsksForNoVariables(t *testing.T) {
	g := NewWithT(t)
	files := map[string]string{}
	g.Expect(addTemplates(files, filepath.Join("..", "..", "examples"))).To(Succeed())
	g.Expect(files["cluster-template-topology.yaml"]).To(ContainSubstring("${"))
	classes := 0
	for name, text := range files {
		if strings.HasPrefix(name, "clusterclass-") {
			classes++
			g.Expect(strings.ReplaceAll(text, "$${", "")).NotTo(ContainSubstring("${"), name)
		}
	}
	g.Expect(classes).To(Equal(1))
}
