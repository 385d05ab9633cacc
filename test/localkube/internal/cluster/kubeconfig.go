package cluster

import (
	"fmt"

	"sigs.k8s.io/yaml"
)

type kubeconfigFile struct {
	APIVersion     string         `json:"apiVersion"`
	Kind           string         `json:"kind"`
	Clusters       []namedCluster `json:"clusters"`
	Users          []namedUser    `json:"users"`
	Contexts       []namedContext `json:"contexts"`
	CurrentContext string         `json:"current-context"`
}

type namedCluster struct {
	Name    string      `json:"name"`
	Cluster clusterInfo `json:"cluster"`
}

type clusterInfo struct {
	Server                   string `json:"server"`
	CertificateAuthorityData []byte `json:"certificate-authority-data"`
}

type namedUser struct {
	Name string   `json:"name"`
	User userInfo `json:"user"`
}

type userInfo struct {
	ClientCertificateData []byte `json:"client-certificate-data"`
	ClientKeyData         []byte `json:"client-key-data"`
}

type namedContext struct {
	Name    string      `json:"name"`
	Context contextInfo `json:"context"`
}

type contextInfo struct {
	Cluster string `json:"cluster"`
	User    string `json:"user"`
}

// kubeconfig writes the file for the client certificate of the credentials.
func kubeconfig(name, endpoint string, authority []byte, credentials Credentials) (string, error) {
	name = "localkube-" + name
	content, err := yaml.Marshal(kubeconfigFile{
		APIVersion: "v1",
		Kind:       "Config",
		Clusters: []namedCluster{{name, clusterInfo{
			Server:                   endpoint,
			CertificateAuthorityData: authority,
		}}},
		Users: []namedUser{{name, userInfo{
			ClientCertificateData: []byte(credentials.ClientCertificate),
			ClientKeyData:         []byte(credentials.ClientKey),
		}}},
		Contexts:       []namedContext{{name, contextInfo{Cluster: name, User: name}}},
		CurrentContext: name,
	})
	if err != nil {
		return "", fmt.Errorf("writing the kubeconfig: %w", err)
	}
	return string(content), nil
}
