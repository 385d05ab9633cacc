package kubeconfig

import (
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"

	"github.com/captproject/capt/test/localkube/internal/rest"
)

func TestKubeconfig(t *testing.T) {
	g := NewWithT(t)
	access := rest.Access{
		Server: "https://127.0.0.1:1", Authority: []byte("authority"), Certificate: []byte("certificate"), Key: []byte("key"),
	}
	content, err := Write("a", access)
	g.Expect(err).NotTo(HaveOccurred())
	var read map[string]any
	g.Expect(yaml.Unmarshal([]byte(content), &read)).To(Succeed())
	g.Expect(read).To(Equal(map[string]any{
		"apiVersion":      "v1",
		"kind":            "Config",
		"current-context": "localkube-a",
		"clusters": []any{map[string]any{"name": "localkube-a", "cluster": map[string]any{
			"server": "https://127.0.0.1:1", "certificate-authority-data": "YXV0aG9yaXR5",
		}}},
		"users": []any{map[string]any{"name": "localkube-a", "user": map[string]any{
			"client-certificate-data": "Y2VydGlmaWNhdGU=", "client-key-data": "a2V5",
		}}},
		"contexts": []any{map[string]any{"name": "localkube-a", "context": map[string]any{
			"cluster": "localkube-a", "user": "localkube-a",
		}}},
	}))
	again, err := Read(content)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(again).To(Equal(access))
}

func TestReadRefuses(t *testing.T) {
	for wanted, content := range map[string]string{
		"not YAML":            "hush-hush: {",
		"one cluster and one": "users: [{name: hush-hush}]",
	} {
		_, err := Read(content)
		NewWithT(t).Expect(err).To(MatchError(And(ContainSubstring(wanted), Not(ContainSubstring("hush")))))
	}
}
