package kubeconfig_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/captproject/capt/internal/contract"
	"github.com/captproject/capt/internal/kubeconfig"
)

func kind() map[string]shape {
	const server = "https://127.0.0.1:38467"
	parts := func(c cluster) outputs {
		return outputs{"endpoint": c.server, "client_certificate": c.certificate, "client_key": c.key, "cluster_ca_certificate": c.ca()}
	}
	return of(server, "", map[string]shape{
		"attributes": {rsa: true, outputs: func(c cluster) outputs {
			all := parts(c)
			all["kubeconfig"], all["kubeconfig_path"], all["completed"] = c.file(c.withCertificate()), "/home/somebody/.kube/config", true
			return all
		}, works: kubeconfig.ClientCertificate},
		"parts": {rsa: true, outputs: parts, works: kubeconfig.ClientCertificate},
	})
}

func k3d() map[string]shape {
	// k3d gives the address that Docker listens at.
	const server = "https://0.0.0.0:40123"
	resource := func(c cluster) outputs {
		return outputs{"credentials": secret{list{object{"host": c.server, "client_certificate": c.certificate, "client_key": c.key,
			"cluster_ca_certificate": c.ca(), "raw": c.file(c.withCertificate())}}}}
	}
	raw := func(c cluster) outputs {
		// The token is what nodes join with, and opens nothing.
		return outputs{"kubeconfig_raw": secret{c.file(c.withCertificate())}, "token": secret{"K10made-up::server:made-up"}, "network": "k3d"}
	}
	return of(server, "", map[string]shape{
		"credentials, parts mapped": {outputs: resource, mapping: map[string]string{
			"endpoint": "credentials[0].host", "cluster_ca_certificate": "credentials[0].cluster_ca_certificate",
			"client_certificate": "credentials[0].client_certificate", "client_key": "credentials[0].client_key"}, works: kubeconfig.ClientCertificate},
		"credentials, file mapped": {outputs: resource,
			mapping: map[string]string{"kubeconfig": "credentials[0].raw"}, works: kubeconfig.ClientCertificate},
		"credentials not mapped":         {outputs: resource, refused: contract.ReasonOutputMissing},
		"kubeconfig_raw":                 {outputs: raw, works: kubeconfig.ClientCertificate},
		"kubeconfig_raw, mapped by name": {outputs: raw, mapping: map[string]string{"kubeconfig": "kubeconfig_raw"}, works: kubeconfig.ClientCertificate},
	})
}

func talos() map[string]shape {
	const server = "https://[2001:db8::10]:6443"
	client := func(c cluster) object {
		return object{"host": c.server, "ca_certificate": b64(c.ca()), "client_certificate": b64(c.certificate), "client_key": b64(c.key)}
	}
	resource := func(c cluster) outputs {
		return outputs{"kubeconfig_raw": secret{c.file(c.withCertificate())}, "kubernetes_client_configuration": secret{client(c)},
			"client_configuration": secret{object{"ca_certificate": "of talosctl", "client_certificate": "", "client_key": ""}}}
	}
	parts := func(prefix string) map[string]string {
		return map[string]string{"endpoint": prefix + ".host", "cluster_ca_certificate": prefix + ".ca_certificate",
			"client_certificate": prefix + ".client_certificate", "client_key": prefix + ".client_key"}
	}
	whole := func(c cluster) outputs {
		return outputs{"kube_config": secret{object{"kubeconfig_raw": c.file(c.withCertificate()), "kubernetes_client_configuration": client(c),
			"endpoint": nil, "timeouts": nil}}}
	}
	return of(server, "", map[string]shape{
		"kubeconfig_raw":              {outputs: resource, works: kubeconfig.ClientCertificate},
		"client configuration mapped": {outputs: resource, mapping: parts("kubernetes_client_configuration"), works: kubeconfig.ClientCertificate},
		"client configuration as outputs": {outputs: func(c cluster) outputs { return outputs(client(c)) },
			works: kubeconfig.ClientCertificate},
		"resource as an object, file mapped": {outputs: whole,
			mapping: map[string]string{"kubeconfig": "kube_config.kubeconfig_raw"}, works: kubeconfig.ClientCertificate},
		"resource as an object, parts mapped": {outputs: whole,
			mapping: parts("kube_config.kubernetes_client_configuration"), works: kubeconfig.ClientCertificate},
	})
}

func rke2() map[string]shape {
	const server = "https://203.0.113.30:6443"
	// rke2.yaml, and k3s.yaml, have the client's CA behind its certificate.
	file := func(c cluster) string {
		chain := c
		chain.certificate += c.ca()
		return strings.ReplaceAll(chain.file(chain.withCertificate()), "one-admin@one", "default")
	}
	asJSON := func(c cluster) string {
		text, err := yaml.YAMLToJSON([]byte(file(c)))
		if err != nil {
			panic(err)
		}
		return string(text)
	}
	output := func(name string, text func(c cluster) string) func(c cluster) outputs {
		return func(c cluster) outputs { return outputs{name: secret{text(c)}, "k3s_token": secret{"K10made-up"}} }
	}
	indented := func(c cluster) string {
		var config any
		if err := json.Unmarshal([]byte(asJSON(c)), &config); err != nil {
			panic(err)
		}
		text, _ := json.MarshalIndent(config, "", "\t") // it was JSON
		return string(text) + "\n"
	}
	return of(server, "", map[string]shape{
		"kube_config":         {outputs: output("kube_config", file), works: kubeconfig.ClientCertificate},
		"kubeconfig":          {outputs: output("kubeconfig", file), works: kubeconfig.ClientCertificate},
		"kubeconfig, JSON":    {outputs: output("kubeconfig", asJSON), works: kubeconfig.ClientCertificate},
		"kube_config, JSON":   {outputs: output("kube_config", indented), works: kubeconfig.ClientCertificate},
		"JSON in base64":      {outputs: output("kubeconfig", func(c cluster) string { return b64(asJSON(c)) }), works: kubeconfig.ClientCertificate},
		"as it is on a node":  {server: "https://127.0.0.1:6443", outputs: output("kubeconfig", file), works: kubeconfig.ClientCertificate},
		"with CRLF and a BOM": {outputs: output("kubeconfig", func(c cluster) string { return "\ufeff" + strings.ReplaceAll(file(c), "\n", "\r\n") }), works: kubeconfig.ClientCertificate},
		"a path to the file":  {outputs: output("kubeconfig", func(cluster) string { return "/etc/rancher/rke2/rke2.yaml" }), refused: contract.ReasonOutputInvalid},
	})
}

func rancher() map[string]shape {
	const server, token = "https://rancher.example.com/k8s/clusters/c-m-0a1b2c3d", "kubeconfig-u-0a1b2c3d4e:made-up0123456789"
	// Rancher folds the CA, and has a second context that goes to a node.
	file := func(c cluster, ca string) string {
		folded := regexp.MustCompile(".{1,76}").ReplaceAllString(ca, "$0\\\n      ")
		if ca != "" {
			ca = fmt.Sprintf("\n    certificate-authority-data: \"%s\"", folded)
		}
		return fmt.Sprintf(`apiVersion: v1
kind: Config
clusters:
- name: "one"
  cluster:
    server: "%[1]s"%[2]s
- name: "one-node"
  cluster:
    server: "https://203.0.113.50:6443"
    certificate-authority-data: "bWFkZSB1cA=="

users:
- name: "one"
  user:
    token: "%[3]s"

contexts:
- name: "one"
  context:
    user: "one"
    cluster: "one"
- name: "one-node"
  context:
    user: "one"
    cluster: "one-node"

current-context: "one"
`, c.server, ca, c.token)
	}
	return of(server, token, map[string]shape{
		"kube_config": {outputs: func(c cluster) outputs {
			return outputs{"kube_config": secret{file(c, b64(c.ca()))}, "id": "c-m-0a1b2c3d"}
		}, works: kubeconfig.Token},
		"behind a public certificate": {outputs: func(c cluster) outputs {
			return outputs{"kube_config": secret{file(c, "")}}
		}, publiclyTrusted: true},
	})
}

func rke() map[string]shape {
	const server = "https://203.0.113.40:6443"
	parts := func(c cluster) outputs {
		return outputs{"api_server_url": c.server, "ca_crt": secret{c.ca()}, "client_cert": secret{c.certificate}, "client_key": secret{c.key},
			"kube_admin_user": "kube-admin", "cluster_domain": "cluster.local"}
	}
	return of(server, "", map[string]shape{
		"kube_config_yaml": {rsa: true, outputs: func(c cluster) outputs {
			all := parts(c)
			all["kube_config_yaml"], all["internal_kube_config_yaml"] = secret{c.file(c.withCertificate())}, secret{"made: up"}
			return all
		}, works: kubeconfig.ClientCertificate},
		"parts": {rsa: true, outputs: parts, works: kubeconfig.ClientCertificate},
	})
}
