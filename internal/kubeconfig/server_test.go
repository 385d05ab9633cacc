package kubeconfig

import (
	"testing"

	. "github.com/onsi/gomega"
)

func TestServer(t *testing.T) {
	for server, want := range map[string]struct {
		server, host string
		port         int32
	}{
		"https://h:6443":                  {"https://h:6443", "h", 6443},
		"https://ABC.eks.amazonaws.com/":  {"https://abc.eks.amazonaws.com", "abc.eks.amazonaws.com", 443},
		"HTTPS://10.0.0.1":                {"https://10.0.0.1", "10.0.0.1", 443},
		"https://[fd00::1]:6443":          {"https://[fd00::1]:6443", "fd00::1", 6443},
		"https://[fd00::1]":               {"https://[fd00::1]", "fd00::1", 443},
		"https://rancher/k8s/clusters/c1": {"https://rancher/k8s/clusters/c1", "rancher", 443},
		"https://h:65535":                 {"https://h:65535", "h", 65535},
	} {
		t.Run(server, func(t *testing.T) {
			g := NewWithT(t)
			kc := expectAccepted(t, parts(func(p *Parts) { p.Server = server }))
			g.Expect(kc.Server).To(Equal(want.server))
			host, port, err := Endpoint(server)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(host).To(Equal(want.host))
			g.Expect(port).To(Equal(want.port))
		})
	}
}

func TestServerRefused(t *testing.T) {
	for name, server := range map[string]string{
		"empty": "", "http": "http://hush-hush", "no scheme": "hush-hush:6443", "no host": "https://:6443", "path only": "https:///hush-hush",
		"user": "https://hush-hush@h", "password": "https://u:hush-hush@h", "query": "https://h?hush-hush", "empty query": "https://h?", "fragment": "https://h#hush-hush",
		"no URL": "https://h\x7fhush-hush", "space": "https://h h", "odd host": "https://h_!", "zone": "https://[fe80::1%25eth0]", "bare IPv6": "https://fd00::1",
		"port 0": "https://h:0", "large port": "https://h:65536", "no port": "https://h:", "word as port": "https://h:hush-hush", "variable": "https://${host}:6443",
	} {
		t.Run(name, func(t *testing.T) {
			expectRefused(t, parts(func(p *Parts) { p.Server = server }), ReasonServerInvalid)
			_, _, err := Endpoint(server)
			NewWithT(t).Expect(err).To(HaveOccurred())
		})
	}
}

func TestTLSServerName(t *testing.T) {
	for _, name := range []string{"kubernetes.default.svc", "10.0.0.1", "fd00::1"} {
		NewWithT(t).Expect(expectAccepted(t, parts(func(p *Parts) { p.TLSServerName = name })).TLSServerName).To(Equal(name))
	}
	for _, name := range []string{"a b", "https://hush-hush", "h:443", "*.h", "-"} {
		expectRefused(t, parts(func(p *Parts) { p.TLSServerName = name }), ReasonTLSServerNameInvalid)
	}
}
