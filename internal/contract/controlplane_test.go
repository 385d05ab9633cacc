package contract

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// The shapes that popular modules and providers print.
func TestControlPlaneOfKnownModules(t *testing.T) {
	whole := ControlPlane{Kubeconfig: []byte(kubeconfigYAML)}
	withCertificate := ControlPlane{Endpoint: "https://h:6443", CACertificate: []byte(certificatePEM),
		ClientCertificate: []byte(certificatePEM), ClientKey: []byte(keyPEM)}
	withToken := ControlPlane{Endpoint: "https://h", CACertificate: []byte(certificatePEM), Token: "hush-hush-token"}
	versioned := func(p ControlPlane, version string) ControlPlane { p.KubernetesVersion = version; return p }

	for name, tc := range map[string]struct {
		values  map[string]any
		mapping map[string]string
		want    ControlPlane
	}{
		"kind, Talos, OVH, Civo: kubeconfig": {values: map[string]any{"kubeconfig": kubeconfigYAML}, want: whole},
		"Linode: base64":                     {values: map[string]any{"kubeconfig": b64(kubeconfigYAML) + "\n"}, want: whole},
		"k3d: kubeconfig_raw":                {values: map[string]any{"kubeconfig_raw": kubeconfigYAML}, want: whole},
		"RKE: kube_config_yaml":              {values: map[string]any{"kube_config_yaml": kubeconfigYAML}, want: whole},
		"JSON": {values: map[string]any{"kubeconfig": `{"clusters":[],"users":[]}`},
			want: ControlPlane{Kubeconfig: []byte(`{"clusters":[],"users":[]}`)}},
		"AKS without Entra ID": {values: map[string]any{"kube_admin_config_raw": "", "kube_config_raw": kubeconfigYAML, "host": "https://x"}, want: whole},
		"AKS with Entra ID":    {values: map[string]any{"kube_admin_config_raw": kubeconfigYAML, "kube_config_raw": "clusters: []\nusers: []"}, want: whole},
		"AKS parts": {values: map[string]any{"host": "https://h:6443", "client_certificate": b64(certificatePEM),
			"client_key": b64(keyPEM), "cluster_ca_certificate": b64(certificatePEM), "kubernetes_version": "1.34.1"}, want: versioned(withCertificate, "1.34.1")},
		"kind parts": {values: map[string]any{"endpoint": "https://h:6443", "client_certificate": certificatePEM,
			"client_key": keyPEM, "cluster_ca_certificate": certificatePEM}, want: withCertificate},
		"Talos client configuration": {values: map[string]any{"kubernetes_client_configuration": map[string]any{
			"host": "https://h:6443", "client_certificate": b64(certificatePEM), "client_key": b64(keyPEM), "ca_certificate": b64(certificatePEM)}},
			mapping: map[string]string{
				"endpoint":               "kubernetes_client_configuration.host",
				"client_certificate":     "kubernetes_client_configuration.client_certificate",
				"client_key":             "kubernetes_client_configuration.client_key",
				"cluster_ca_certificate": "kubernetes_client_configuration.ca_certificate",
			}, want: withCertificate},
		"EKS": {values: map[string]any{"cluster_endpoint": "https://h", "cluster_certificate_authority_data": b64(certificatePEM),
			"cluster_version": "1.34", "token": "hush-hush-token"}, want: versioned(withToken, "1.34")},
		"GKE": {values: map[string]any{"endpoint": "h", "ca_certificate": b64(certificatePEM), "client_certificate": "", "client_key": "",
			"access_token": "hush-hush-token", "master_version": "1.34.1-gke.100"}, want: versioned(withToken, "1.34.1-gke.100")},
		"DigitalOcean parts": {values: map[string]any{"cluster_endpoint": "https://h", "cluster_ca_certificate": b64(certificatePEM),
			"cluster_token": "hush-hush-token"}, want: withToken},
		"DigitalOcean block": {values: map[string]any{"kube_config": []any{map[string]any{"raw_config": kubeconfigYAML}}},
			mapping: map[string]string{"kubeconfig": "kube_config[0].raw_config"}, want: whole},
		"Scaleway parts beside a block": {values: map[string]any{"kubeconfig": []any{map[string]any{"config_file": kubeconfigYAML}},
			"apiserver_url": "https://h", "cluster_ca_certificate": b64(certificatePEM), "token": "hush-hush-token"}, want: withToken},
		"Scaleway block": {values: map[string]any{"kubeconfig": []any{map[string]any{"config_file": kubeconfigYAML}}},
			mapping: map[string]string{"kubeconfig": "kubeconfig[0].config_file"}, want: whole},
		"a key beside a token":        {values: map[string]any{"endpoint": "h", "token": "hush-hush-token", "client_key": keyPEM, "ca_certificate": certificatePEM}, want: withToken},
		"a version of something else": {values: map[string]any{"kubeconfig": kubeconfigYAML, "version": "edition 7"}, want: whole},
		"with its end": {values: map[string]any{"kubeconfig": kubeconfigYAML, "kubeconfig_expiration": "2026-01-02T15:04:05+01:00\n"},
			want: ControlPlane{Kubeconfig: []byte(kubeconfigYAML), Expiration: time.Date(2026, 1, 2, 15, 4, 5, 0, time.FixedZone("", 3600))}},
		"public certificate": {values: map[string]any{"endpoint": "https://h", "token": "hush-hush-token"},
			want: ControlPlane{Endpoint: "https://h", Token: "hush-hush-token"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			got, err := outputs(t, tc.values).ControlPlane(tc.mapping)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(got).To(Equal(tc.want))
		})
	}
}

func TestControlPlanePrecedence(t *testing.T) {
	parts := map[string]any{"kubeconfig": kubeconfigYAML, "other": b64(kubeconfigYAML) + "", "endpoint": "a", "host": "b", "my_endpoint": "fd00::1",
		"token": "own-token", "my_token": "mapped-token", "client_certificate": certificatePEM, "client_key": keyPEM,
		"version": "my module 3", "cluster_version": "1.33"}
	for name, tc := range map[string]struct {
		mapping map[string]string
		want    ControlPlane
	}{
		"a kubeconfig before its parts": {want: ControlPlane{Kubeconfig: []byte(kubeconfigYAML), KubernetesVersion: "1.33"}},
		"a mapped kubeconfig":           {map[string]string{"kubeconfig": "other"}, ControlPlane{Kubeconfig: []byte(kubeconfigYAML), KubernetesVersion: "1.33"}},
		"mapped parts before a kubeconfig that is not": {map[string]string{"endpoint": "my_endpoint"},
			ControlPlane{Endpoint: "https://[fd00::1]", Token: "own-token", ClientCertificate: []byte(certificatePEM), ClientKey: []byte(keyPEM), KubernetesVersion: "1.33"}},
		"a mapped token before a certificate that is not": {map[string]string{"token": "my_token"},
			ControlPlane{Endpoint: "https://a", Token: "mapped-token", KubernetesVersion: "1.33"}},
		"a mapped certificate before a token that is not": {map[string]string{"client_key": "client_key"},
			ControlPlane{Endpoint: "https://a", ClientCertificate: []byte(certificatePEM), ClientKey: []byte(keyPEM), KubernetesVersion: "1.33"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			got, err := outputs(t, parts).ControlPlane(tc.mapping)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(got).To(Equal(tc.want))
		})
	}
}

func TestControlPlaneRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		values  map[string]any
		mapping map[string]string
		reason  string
		words   []string
	}{
		"no outputs": {nil, nil, ReasonOutputMissing, []string{"no kubeconfig", "no outputs", "endpoint", "token, or client_certificate with client_key"}},
		"no credential": {map[string]any{"endpoint": "h", "zebra": "z", "apple": "a"}, nil,
			ReasonOutputMissing, []string{"missing: token, or", "spec.outputs", "has the outputs apple, endpoint, zebra."}},
		"half a certificate": {map[string]any{"endpoint": "h", "client_certificate": certificatePEM}, nil,
			ReasonOutputMissing, []string{"missing: client_key."}},
		"a key alone": {map[string]any{"endpoint": "h", "client_key": keyPEM}, nil, ReasonOutputMissing, []string{"missing: client_certificate."}},
		"no endpoint": {map[string]any{"token": "hush-hush"}, nil, ReasonOutputMissing, []string{"missing: endpoint."}},
		"a block without a mapping": {map[string]any{"kube_config": []any{map[string]any{"raw_config": kubeconfigYAML, "host": "hush-hush"}}}, nil,
			ReasonOutputMissing, []string{`The output "kube_config" holds texts at kube_config[0].host, kube_config[0].raw_config.`}},
		"blocks of parts": {map[string]any{"host": "h", "endpoint": []any{"hush-hush"}, "ca_certificate": []any{map[string]any{"data": "hush-hush"}},
			"kubeconfig": map[string]any{"raw": "hush-hush"}, "kube_config": []any{"hush-hush"}, "token": map[string]any{"value": "hush-hush"}}, nil,
			ReasonOutputMissing, []string{"missing: token, or", `spec.outputs. The output "kubeconfig" holds texts at kubeconfig.raw. The output "kube_config" holds texts at kube_config[0].` +
				` The output "ca_certificate" holds texts at ca_certificate[0].data. The output "token" holds texts at token.value. The module`}},
		"kubeconfig is a path": {map[string]any{"kubeconfig": "/tmp/hush-hush/kubeconfig"}, nil,
			ReasonOutputInvalid, []string{`"kubeconfig"`, "text of a kubeconfig"}},
		"kubeconfig twice in base64": {map[string]any{"kubeconfig": b64(b64(kubeconfigYAML))}, nil, ReasonOutputInvalid, []string{"base64"}},
		"clusters without users":     {map[string]any{"kubeconfig": "clusters: []"}, nil, ReasonOutputInvalid, []string{"kubeconfig"}},
		"users without clusters":     {map[string]any{"kubeconfig": "users: []"}, nil, ReasonOutputInvalid, []string{"kubeconfig"}},
		"no kubeconfig with aliases": {map[string]any{"kubeconfig": "clusters: &a [*a]"}, nil, ReasonOutputInvalid, []string{"kubeconfig"}},
		"broken YAML":                {map[string]any{"kubeconfig": "clusters: [hush-hush"}, nil, ReasonOutputInvalid, []string{"kubeconfig"}},
		"plain http":                 {map[string]any{"cluster_endpoint": "http://hush-hush", "token": "t"}, nil, ReasonOutputInvalid, []string{`"cluster_endpoint"`, "https://host"}},
		"credentials in the URL":     {map[string]any{"host": "https://u:hush-hush@h", "token": "t"}, nil, ReasonOutputInvalid, []string{`"host"`}},
		"CA is a key":                {map[string]any{"endpoint": "h", "token": "t", "ca_certificate": keyPEM}, nil, ReasonOutputInvalid, []string{`"ca_certificate"`, "PEM certificates"}},
		"key is a certificate":       {map[string]any{"endpoint": "h", "client_certificate": certificatePEM, "client_key": b64(certificatePEM)}, nil, ReasonOutputInvalid, []string{`"client_key"`, "private key"}},
		"token with a line break":    {map[string]any{"endpoint": "h", "token": "hush-hush\nmore"}, nil, ReasonOutputInvalid, []string{`"token"`, "white space"}},
		"unknown name":               {nil, map[string]string{"kubeconfg": "x"}, ReasonOutputMappingInvalid, []string{`"kubeconfg"`, "kubeconfig, kubeconfig_expiration, kubernetes_version"}},
		"malformed path":             {nil, map[string]string{"kubeconfig": "a[b]"}, ReasonOutputMappingInvalid, []string{`"a[b]"`, "spec.outputs.kubeconfig"}},
		"kubeconfig and a part":      {nil, map[string]string{"kubeconfig": "a", "token": "b"}, ReasonOutputMappingInvalid, []string{"token"}},
		"mapped and missing":         {map[string]any{"b": "x", "kubeconfig": kubeconfigYAML}, map[string]string{"kubeconfig": "a"}, ReasonOutputMissing, []string{`"a"`, "outputs b, kubeconfig"}},
		"mapped and empty":           {map[string]any{"a": ""}, map[string]string{"kubeconfig": "a"}, ReasonOutputMissing, []string{`"a"`}},
		"mapped to nowhere": {map[string]any{"a": map[string]any{"raw": kubeconfigYAML}}, map[string]string{"kubeconfig": "a.row"},
			ReasonOutputMissing, []string{`"a.row"`, "holds texts at a.raw."}},
		"mapped to a block": {map[string]any{"a": map[string]any{"raw": kubeconfigYAML}}, map[string]string{"kubeconfig": "a"},
			ReasonOutputInvalid, []string{"holds texts at a.raw."}},
		"an end that is no time": {map[string]any{"kubeconfig": kubeconfigYAML, "kubeconfig_expiration": "hush-hush"}, nil, ReasonOutputInvalid, []string{"kubeconfig_expiration", "RFC 3339"}},
		"mapped to no version":   {map[string]any{"v": "hush-hush"}, map[string]string{"kubernetes_version": "v"}, ReasonOutputInvalid, []string{"v1.34.1"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := outputs(t, tc.values)
			_, err := o.ControlPlane(tc.mapping)
			expectError(t, err, tc.reason, o, tc.words...)
			NewWithT(t).Expect(o.ControlPlane(tc.mapping)).Error().To(MatchError(err.Error()), "the text changes")
		})
	}
}

// A text with aliases is not parsed, which may take gigabytes, but passed on as it is: package
// kubeconfig says what is wrong with it.
func TestAliasesAreNotWrittenOut(t *testing.T) {
	g := NewWithT(t)
	for _, content := range []string{aliased, b64(aliased)} {
		g.Expect(outputs(t, map[string]any{"kubeconfig": content}).ControlPlane(nil)).To(Equal(ControlPlane{Kubeconfig: []byte(aliased)}))
	}
}

func TestManyOutputsAreNotAllListed(t *testing.T) {
	values := map[string]any{}
	for i := range namesShown + 2 {
		values["o"+string(rune('A'+i))] = "x"
	}
	_, err := outputs(t, values).ControlPlane(nil)
	expectError(t, err, ReasonOutputMissing, nil, "and 2 more.")
}

func TestEveryAcceptedName(t *testing.T) {
	sample := map[string]string{NameKubeconfig: kubeconfigYAML, NameEndpoint: "h", NameClusterCACertificate: certificatePEM,
		NameClientCertificate: certificatePEM, NameClientKey: keyPEM, NameToken: "t", NameKubernetesVersion: "v1.34.1",
		NameExpiration: "2026-01-02T15:04:05Z"}
	for _, contractName := range ControlPlaneNames() {
		NewWithT(t).Expect(accepted[contractName][0]).To(Equal(contractName))
		for _, name := range accepted[contractName] {
			t.Run(contractName+" from "+name, func(t *testing.T) {
				g := NewWithT(t)
				value, err := lookup{outputs: outputs(t, map[string]any{name: sample[contractName]})}.value(contractName)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(value).NotTo(BeEmpty())
			})
		}
	}
}
