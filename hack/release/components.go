package main

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"
	"sigs.k8s.io/yaml"
)

// provider is one of CAPT's, as clusterctl sees it.
type provider struct {
	// label is what clusterctl calls it on objects, and its folder.
	label string
	// kind is the type in a configuration of clusterctl.
	kind string
	// components is the name of the file, and config what it is rendered from.
	components, config string
	// hasTemplates: clusterctl looks for templates with the infrastructure.
	hasTemplates bool
}

var providers = []provider{
	{label: "infrastructure-capt", kind: "InfrastructureProvider", components: "infrastructure-components.yaml", config: "config/infrastructure", hasTemplates: true},
	{label: "control-plane-capt", kind: "ControlPlaneProvider", components: "control-plane-components.yaml", config: "config/control-plane"},
}

// imageLine is that of config/manager.
const imageLine = "image: capt:latest\n"

// componentsOf makes what clusterctl takes from what kustomize gives.
func componentsOf(rendered, image string) (string, error) {
	if strings.Count(rendered, imageLine) != 1 {
		return "", fmt.Errorf("expected %q once", strings.TrimSpace(imageLine))
	}
	return escape(strings.Replace(rendered, imageLine, "image: "+canonical(image)+"\n", 1)), nil
}

// canonical is the full name of an image: clusterctl takes no other. Without a
// registry the image is Docker Hub's for everyone else.
func canonical(image string) string {
	registry, rest, found := strings.Cut(image, "/")
	switch {
	case !found:
		return "docker.io/library/" + image
	case strings.ContainsAny(registry, ".:") || registry == "localhost":
		return image
	}
	return "docker.io/" + registry + "/" + rest
}

// escape keeps clusterctl from taking ${name}, in a description of a CRD or in a
// module, for a variable of its own.
func escape(text string) string { return strings.ReplaceAll(text, "${", "$${") }

// checkSeries makes sure that clusterctl will find the contract of the version.
func checkSeries(metadata []byte, release string) error {
	parsed, err := version.ParseSemantic(release)
	if err != nil || !strings.HasPrefix(release, "v") {
		return fmt.Errorf("-version is %q; it must be like v1.2.3", release)
	}
	var content struct {
		ReleaseSeries []struct{ Major, Minor uint }
	}
	if err := yaml.Unmarshal(metadata, &content); err != nil {
		return fmt.Errorf("read metadata.yaml: %w", err)
	}
	for _, series := range content.ReleaseSeries {
		if series.Major == parsed.Major() && series.Minor == parsed.Minor() {
			return nil
		}
	}
	return fmt.Errorf("metadata.yaml has no series %d.%d; add it", parsed.Major(), parsed.Minor())
}
