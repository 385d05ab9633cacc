package kubeconfig

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/client-go/tools/clientcmd"
)

func TestBytes(t *testing.T) {
	g := NewWithT(t)
	kc := expectAccepted(t, parts(func(p *Parts) {
		p.ClientCertificate, p.ClientKey, p.CACertificate, p.Token, p.TLSServerName = nil, nil, nil, "hush-hush", "name"
	}))
	g.Expect(kc.Bytes("my-cluster")).To(BeEquivalentTo(`apiVersion: v1
clusters:
- cluster:
    server: https://h:6443
    tls-server-name: name
  name: my-cluster
contexts:
- context:
    cluster: my-cluster
    user: my-cluster
  name: my-cluster
current-context: my-cluster
kind: Config
users:
- name: my-cluster
  user:
    token: hush-hush
`))
}

func TestClientGoReadsWhatIsPublished(t *testing.T) {
	g := NewWithT(t)
	published, err := expectAccepted(t, Candidate{Kubeconfig: file(nil)}).Bytes("my-cluster")
	g.Expect(err).NotTo(HaveOccurred())
	config, err := clientcmd.RESTConfigFromKubeConfig(published)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(config.Host).To(Equal("https://h:6443"))
	g.Expect(config.CAData).To(Equal(pki.ca))
	g.Expect(config.CertData).To(Equal(pki.certificate))
	g.Expect(config.KeyData).To(Equal(pki.key))
	g.Expect(config.Insecure).To(BeFalse())
}

func TestPrintingShowsNoSecret(t *testing.T) {
	g := NewWithT(t)
	kc := expectAccepted(t, parts(func(p *Parts) { p.ClientCertificate, p.ClientKey, p.Token = nil, nil, "hush-hush" }))
	asJSON, err := json.Marshal(kc)
	g.Expect(err).NotTo(HaveOccurred())
	for _, text := range []string{string(asJSON), fmt.Sprint(kc), fmt.Sprintf("%+v", *kc), fmt.Sprintf("%#v", kc)} {
		g.Expect(text).NotTo(ContainSubstring("hush"))
		g.Expect(text).To(ContainSubstring("https://h:6443"))
	}
}

func TestSameCluster(t *testing.T) {
	judged := func(change func(p *Parts)) *Kubeconfig { return must(Judge(parts(change), now)) }
	for name, tc := range map[string]struct {
		change func(p *Parts)
		same   bool
	}{
		"itself":             {nil, true},
		"another credential": {func(p *Parts) { p.ClientCertificate, p.ClientKey, p.Token = nil, nil, "t" }, true},
		"another spelling":   {func(p *Parts) { p.Server = "https://H:6443/"; p.CACertificate = append([]byte("CA:\n"), pki.ca...) }, true},
		"another server":     {func(p *Parts) { p.Server = "https://other" }, false},
		"another CA":         {func(p *Parts) { p.CACertificate = pki.newCA(now.Add(-time.Minute), now.Add(time.Minute)) }, false},
		"no CA":              {func(p *Parts) { p.CACertificate = nil }, false},
		"another name":       {func(p *Parts) { p.TLSServerName = "other" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(SameCluster(judged(nil), judged(tc.change))).To(Equal(tc.same))
		})
	}
}
