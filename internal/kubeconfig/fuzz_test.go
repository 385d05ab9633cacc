package kubeconfig

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	clientcmdv1 "k8s.io/client-go/tools/clientcmd/api/v1"
	"sigs.k8s.io/yaml"
)

// FuzzJudge: nothing panics, a refusal has a documented reason, and what is accepted is published
// without anything that Judge refuses, judged the same again, and written the same again.
func FuzzJudge(f *testing.F) {
	files := [][]byte{
		file(nil),
		file(func(c, u, _ map[string]any) {
			clear(u)
			u["token"], u["tokenFile"], c["proxy-url"] = jwt(`{"exp":1767323046}`), "/x", "http://x"
		}),
		file(func(c, u, _ map[string]any) {
			clear(u)
			u["token"], c["tls-server-name"] = eks(presigned(now)), "kubernetes.default"
			delete(c, "certificate-authority-data")
		}),
		file(func(c, u, _ map[string]any) {
			u["exec"], u["as"], u["username"] = map[string]any{"command": "x"}, "x", "x"
			c["insecure-skip-tls-verify"], c["certificate-authority"] = true, "/x"
		}),
		[]byte("a: &a [*a]\nclusters: *a"),
	}
	for _, whole := range files {
		f.Add(whole, "", []byte(nil), []byte(nil), []byte(nil), "")
	}
	f.Add([]byte(nil), "https://[fd00::1]:6443", pki.ca, pki.certificate, pki.key, "")
	f.Add([]byte(nil), "https://h/%2e", pki.ca, []byte(nil), []byte(nil), jwt(`{"nbf":1}`))
	f.Add([]byte(nil), "https://u@h?q#f", []byte(nil), []byte(nil), []byte(nil), eks("https://h/?X-Amz-Date=x"))

	f.Fuzz(func(t *testing.T, whole []byte, server string, ca, certificate, key []byte, token string) {
		kc, err := Judge(Candidate{Kubeconfig: whole, Parts: Parts{
			Server: server, CACertificate: ca, ClientCertificate: certificate, ClientKey: key, Token: token}}, now)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || !slices.Contains(Reasons, e.Reason()) || kc != nil {
				t.Fatalf("refused as %v, %v", err, kc)
			}
			return
		}
		published, err := kc.Bytes("name")
		if err != nil {
			t.Fatal(err)
		}
		expectNothingElse(t, published)
		again, err := Judge(Candidate{Kubeconfig: published}, now)
		if err != nil {
			t.Fatalf("accepted, but not again: %v", err)
		}
		if twice, err := again.Bytes("name"); err != nil || !bytes.Equal(published, twice) {
			t.Fatalf("not written the same again: %v", err)
		}
		if _, _, err := Endpoint(kc.Server); err != nil {
			t.Fatal(err)
		}
	})
}

// expectNothingElse checks that a published file has nothing but judged parts.
func expectNothingElse(t *testing.T, published []byte) {
	t.Helper()
	var config clientcmdv1.Config
	if err := yaml.UnmarshalStrict(published, &config); err != nil {
		t.Fatal(err)
	}
	cluster, user := config.Clusters[0].Cluster, config.AuthInfos[0].AuthInfo
	if !strings.HasPrefix(cluster.Server, "https://") || (user.Token == "") == (len(user.ClientCertificateData) == 0) {
		t.Fatal("not an https server with exactly one credential")
	}
	parts := clientcmdv1.Config{
		APIVersion: "v1", Kind: "Config", CurrentContext: "name",
		Clusters: []clientcmdv1.NamedCluster{{Name: "name", Cluster: clientcmdv1.Cluster{
			Server: cluster.Server, TLSServerName: cluster.TLSServerName, CertificateAuthorityData: cluster.CertificateAuthorityData}}},
		AuthInfos: []clientcmdv1.NamedAuthInfo{{Name: "name", AuthInfo: clientcmdv1.AuthInfo{
			Token: user.Token, ClientCertificateData: user.ClientCertificateData, ClientKeyData: user.ClientKeyData}}},
		Contexts: []clientcmdv1.NamedContext{{Name: "name", Context: clientcmdv1.Context{Cluster: "name", AuthInfo: "name"}}},
	}
	only, err := yaml.Marshal(parts)
	if err != nil || !bytes.Equal(only, published) {
		t.Fatalf("there is more in it than the parts: %v", err)
	}
}
