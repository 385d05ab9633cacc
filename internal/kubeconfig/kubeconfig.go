package kubeconfig

import (
	"bytes"
	"fmt"

	clientcmdv1 "k8s.io/client-go/tools/clientcmd/api/v1"
	"sigs.k8s.io/yaml"
)

// Credential is the kind of credential of a Kubeconfig.
type Credential string

// The kinds of credentials.
const (
	ClientCertificate Credential = "ClientCertificate"
	Token             Credential = "Token"
)

// Kubeconfig is a judged kubeconfig. Only Judge makes one. Its exported fields are no secrets.
type Kubeconfig struct {
	// Server is the URL of the API server.
	Server string
	// TLSServerName is the name the server's certificate is checked for; empty means Server's host.
	TLSServerName string
	// CA is PEM, one certificate or more; nil means that the server's certificate is publicly trusted.
	CA []byte
	// Insecure is true if the server's certificate is not checked; CA is nil then.
	Insecure bool
	// Credential is the kind of the one credential.
	Credential Credential
	// Life is what is known of how long the credential lives.
	Life

	clientCertificate, clientKey []byte
	token                        string
}

// String tells where the kubeconfig leads and with what kind of credential, so that printing one
// shows no secret.
func (k Kubeconfig) String() string {
	return fmt.Sprintf("kubeconfig of %s with a %s", k.Server, k.Credential)
}

// GoString is String.
func (k Kubeconfig) GoString() string { return k.String() }

// Bytes writes the kubeconfig as YAML, made of the judged parts only, its context, cluster and
// user named after the Cluster. The same kubeconfig and name give the same bytes.
func (k Kubeconfig) Bytes(clusterName string) ([]byte, error) {
	return yaml.Marshal(clientcmdv1.Config{
		APIVersion: "v1",
		Kind:       "Config",
		Clusters: []clientcmdv1.NamedCluster{{Name: clusterName, Cluster: clientcmdv1.Cluster{
			Server:                   k.Server,
			TLSServerName:            k.TLSServerName,
			InsecureSkipTLSVerify:    k.Insecure,
			CertificateAuthorityData: k.CA,
		}}},
		AuthInfos: []clientcmdv1.NamedAuthInfo{{Name: clusterName, AuthInfo: clientcmdv1.AuthInfo{
			ClientCertificateData: k.clientCertificate,
			ClientKeyData:         k.clientKey,
			Token:                 k.token,
		}}},
		Contexts: []clientcmdv1.NamedContext{{Name: clusterName, Context: clientcmdv1.Context{
			Cluster: clusterName, AuthInfo: clusterName,
		}}},
		CurrentContext: clusterName,
	})
}

// WithToken returns a candidate for the same cluster with a token instead of the credential.
func (k Kubeconfig) WithToken(token string) Candidate {
	return Candidate{Parts: Parts{
		Server: k.Server, TLSServerName: k.TLSServerName, CACertificate: k.CA, Token: token, insecure: k.Insecure,
	}}
}

// SameCluster tells whether two kubeconfigs lead to the same cluster: the same server, checked
// against the same CA.
func SameCluster(a, b *Kubeconfig) bool {
	return a.Server == b.Server && a.TLSServerName == b.TLSServerName && a.Insecure == b.Insecure && bytes.Equal(a.CA, b.CA)
}
