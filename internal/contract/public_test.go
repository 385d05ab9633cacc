package contract

import (
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
)

func TestPublicHidesCredentials(t *testing.T) {
	g := NewWithT(t)
	o := outputs(t, map[string]any{
		"vpc_id": "vpc-1", "subnets": []any{"a", "b"}, "count": 3, "nothing": nil, "cluster_endpoint": "https://h",
		"cluster_ca_certificate": certificatePEM, "tokens_url": "https://x",
		// by name
		"kubeconfig": "x", "kube_admin_config_raw": "x", "token": "x", "Token": "x", "cluster_client_key": "x",
		"credentials": map[string]any{"endpoint": "h", "access_token": "x"},
		"deep":        []any{map[string]any{"list": []any{map[string]any{"client_key": "x"}}}},
		// by look
		"blob1": "text before " + keyPEM, "blob2": b64(keyPEM), "blob3": kubeconfigYAML, "blob4": b64(kubeconfigYAML),
		"blob5": "k8s-aws-v1.abc", "blob6": "eyJhbGciOiJSUzI1NiJ9.e30.c2ln", "blob7": map[string]any{"a": []any{b64(keyPEM)}},
		"blob8": "\n k8s-aws-v1.abc", "blob9": b64(" eyJhbGciOiJSUzI1NiJ9.e30.c2ln\n"), "blob10": "ya29.abc",
		"blob11": "Clusters: []\nUsers: []", "blob12": aliased, "blob13": map[string]any{"k8s-aws-v1.abc": "name"},
	})
	secret := o["count"]
	secret.Sensitive = true
	o["hidden"] = secret
	document, omitted := o.Public(1 << 20)
	g.Expect(omitted).To(BeEmpty())
	g.Expect(document).To(MatchJSON(fmt.Sprintf(`{"vpc_id":"vpc-1","subnets":["a","b"],"count":3,"nothing":null,
		"cluster_endpoint":"https://h","tokens_url":"https://x","cluster_ca_certificate":%q}`, certificatePEM)))
}

// A JSON object may give a name twice. Readers take the last, but whoever looks sees both.
func TestPublicShowsWhatItLookedAt(t *testing.T) {
	g := NewWithT(t)
	o, err := Decode([]byte(`{"o":{"value":{"token":"x","token":null,"n":1,"n":12345678901234567890.10,"a":"y","a":"<z>"}}}`))
	g.Expect(err).NotTo(HaveOccurred())
	document, _ := o.Public(1 << 10)
	g.Expect(string(document)).To(Equal(`{"o":{"a":"\u003cz\u003e","n":12345678901234567890.10,"token":null}}`))
}

func TestPublicSize(t *testing.T) {
	o := outputs(t, map[string]any{"a": "1", "b": "<long & long>", "c": "3", "d": "4"})
	all := `{"a":"1","b":"\u003clong \u0026 long\u003e","c":"3","d":"4"}`
	for name, tc := range map[string]struct {
		max     int
		want    string
		omitted []string
	}{
		"all fit exactly":  {len(all), all, nil},
		"one byte less":    {len(all) - 1, all[:len(all)-len(`,"d":"4"}`)] + "}", []string{"d"}},
		"a large one goes": {len(`{"a":"1","c":"3","d":"4"}`), `{"a":"1","c":"3","d":"4"}`, []string{"b"}},
		"the first fits":   {len(`{"a":"1"}`), `{"a":"1"}`, []string{"b", "c", "d"}},
		"none fit":         {len(`{"a":"1"}`) - 1, `{}`, []string{"a", "b", "c", "d"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			document, omitted := o.Public(tc.max)
			g.Expect(string(document)).To(Equal(tc.want))
			g.Expect(omitted).To(Equal(tc.omitted))
		})
	}
}
