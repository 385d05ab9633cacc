// Package kubeconfig writes and reads kubeconfigs of localkube's form: one cluster, and one user with a client
// certificate, all embedded.
package kubeconfig

import (
	"errors"
	"fmt"

	"sigs.k8s.io/yaml"

	"github.com/captproject/capt/test/localkube/internal/rest"
)

type file struct {
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

// Write writes the kubeconfig, YAML. The name is that of the cluster.
func Write(name string, access rest.Access) (string, error) {
	name = "localkube-" + name
	content, err := yaml.Marshal(file{
		APIVersion: "v1",
		Kind:       "Config",
		Clusters: []namedCluster{{name, clusterInfo{
			Server:                   access.Server,
			CertificateAuthorityData: access.Authority,
		}}},
		Users: []namedUser{{name, userInfo{
			ClientCertificateData: access.Certificate,
			ClientKeyData:         access.Key,
		}}},
		Contexts:       []namedContext{{name, contextInfo{Cluster: name, User: name}}},
		CurrentContext: name,
	})
	if err != nil {
		return "", fmt.Errorf("writing the kubeconfig: %w", err)
	}
	return string(content), nil
}

// Read reads what Write wrote. The error quotes nothing of it.
func Read(content string) (rest.Access, error) {
	var read file
	if yaml.Unmarshal([]byte(content), &read) != nil {
		return rest.Access{}, errors.New("the kubeconfig is not YAML")
	}
	if len(read.Clusters) != 1 || len(read.Users) != 1 {
		return rest.Access{}, errors.New("the kubeconfig has not one cluster and one user")
	}
	cluster, user := read.Clusters[0].Cluster, read.Users[0].User
	return rest.Access{
		Server: cluster.Server, Authority: cluster.CertificateAuthorityData,
		Certificate: user.ClientCertificateData, Key: user.ClientKeyData,
	}, nil
}
