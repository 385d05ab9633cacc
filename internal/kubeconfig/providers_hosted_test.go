package kubeconfig_test

import (
	"regexp"
	"time"

	"github.com/captproject/capt/internal/contract"
	"github.com/captproject/capt/internal/kubeconfig"
)

func digitalOcean() map[string]shape {
	const server, token = "https://00000000-1111-2222-3333-444444444444.k8s.ondigitalocean.com", "0123456789abcdef"
	expires := time.Now().Add(7 * 24 * time.Hour).UTC().Truncate(time.Second)
	// DigitalOcean no longer gives client certificates, but the attributes are there.
	resource := func(c cluster) outputs {
		return outputs{"endpoint": c.server, "kube_config": secret{list{object{
			"host": c.server, "cluster_ca_certificate": b64(c.ca()), "client_certificate": "", "client_key": "",
			"token": c.token, "expires_at": expires.Format(time.RFC3339), "raw_config": c.file(c.withToken()),
		}}}}
	}
	one := func(name string) func(c cluster) outputs {
		return func(c cluster) outputs { return outputs{name: secret{c.file(c.withToken())}, "cluster_id": "one"} }
	}
	return of(server, token, map[string]shape{
		"block, file mapped": {outputs: resource,
			mapping: map[string]string{"kubeconfig": "kube_config[0].raw_config"}, works: kubeconfig.Token},
		"block, file mapped with its end": {outputs: resource, mapping: map[string]string{"kubeconfig": "kube_config[0].raw_config",
			"kubeconfig_expiration": "kube_config[0].expires_at"}, works: kubeconfig.Token, expires: &expires},
		"block, parts mapped": {outputs: resource, mapping: map[string]string{"token": "kube_config[0].token",
			"cluster_ca_certificate": "kube_config[0].cluster_ca_certificate"}, works: kubeconfig.Token},
		"block, all parts mapped": {outputs: resource, mapping: map[string]string{"token": "kube_config[0].token",
			"endpoint": "kube_config[0].host", "cluster_ca_certificate": "kube_config[0].cluster_ca_certificate"}, works: kubeconfig.Token},
		"block not mapped":   {outputs: resource, refused: contract.ReasonOutputMissing},
		"raw_config":         {outputs: one("raw_config"), works: kubeconfig.Token},
		"cluster_raw_config": {outputs: one("cluster_raw_config"), works: kubeconfig.Token},
		"modules with parts": {outputs: func(c cluster) outputs {
			return outputs{"cluster_endpoint": c.server, "cluster_token": secret{c.token}, "cluster_ca_certificate": secret{b64(c.ca())},
				"cluster_client_certificate": "", "cluster_client_key": ""}
		}, works: kubeconfig.Token},
		"modules with parts, decoded": {outputs: func(c cluster) outputs {
			return outputs{"cluster_host": c.server, "cluster_ca_certificate": c.ca(),
				"cluster_client_certificate": c.certificate, "cluster_client_key": secret{c.key}}
		}, works: kubeconfig.ClientCertificate},
	})
}

func linode() map[string]shape {
	const server, token = "https://00000000-1111-2222-3333-444444444444.eu-central-1.linodelke.net:443", "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.bWFkZS11cA"
	return of(server, token, map[string]shape{
		"kubeconfig": {outputs: func(c cluster) outputs {
			return outputs{"kubeconfig": secret{b64(c.file(c.withToken()))}, "api_endpoints": list{c.server}, "k8s_version": "1.34", "id": 12345}
		}, works: kubeconfig.Token},
		"kubeconfig, endpoint of a list mapped beside parts": {outputs: func(c cluster) outputs {
			return outputs{"api_endpoints": list{c.server}, "token": secret{c.token}, "ca_certificate": b64(c.ca())}
		}, mapping: map[string]string{"endpoint": "api_endpoints[0]"}, works: kubeconfig.Token},
		"base64 in lines": {outputs: func(c cluster) outputs {
			return outputs{"kubeconfig": secret{regexp.MustCompile(".{1,76}").ReplaceAllString(b64(c.file(c.withToken())), "$0\n")}}
		}, works: kubeconfig.Token},
	})
}

func civo() map[string]shape {
	const server, version = "https://203.0.113.20:6443", "1.34.2-k3s1"
	return of(server, "", map[string]shape{
		"attributes": {outputs: func(c cluster) outputs {
			return outputs{"kubeconfig": secret{c.file(c.withCertificate())}, "api_endpoint": c.server, "master_ip": "203.0.113.20",
				"dns_entry": "one.example.com", "kubernetes_version": version, "ready": true, "num_target_nodes": 3}
		}, works: kubeconfig.ClientCertificate, version: version},
		"module": {outputs: func(c cluster) outputs {
			return outputs{"kubeconfig": secret{c.file(c.withCertificate())}, "kubernetes_cluster_endpoint": c.server,
				"kubernetes_cluster_name": "one", "kubernetes_cluster_version": version}
		}, works: kubeconfig.ClientCertificate, version: version},
		"parts": {outputs: func(c cluster) outputs {
			return outputs{"api_endpoint": c.server, "client_certificate": secret{c.certificate}, "client_key": secret{c.key},
				"cluster_ca_certificate": secret{c.ca()}}
		}, works: kubeconfig.ClientCertificate},
		"module's parts": {outputs: func(c cluster) outputs {
			return outputs{"kubernetes_cluster_endpoint": c.server, "client_certificate": secret{c.certificate}, "client_key": secret{c.key},
				"cluster_ca_certificate": secret{c.ca()}}
		}, works: kubeconfig.ClientCertificate},
	})
}

func scaleway() map[string]shape {
	const server, token = "https://00000000-1111-2222-3333-444444444444.api.k8s.fr-par.scw.cloud:6443", "55555555-6666-7777-8888-999999999999"
	block := func(c cluster) object {
		return object{"config_file": c.file(c.withToken()), "host": c.server, "token": c.token, "cluster_ca_certificate": b64(c.ca())}
	}
	resource := func(c cluster) outputs {
		return outputs{"kubeconfig": secret{list{block(c)}}, "apiserver_url": c.server, "wildcard_dns": "*.example.com", "version": "1.34.1"}
	}
	parts := map[string]string{"endpoint": "kubeconfig[0].host", "token": "kubeconfig[0].token", "cluster_ca_certificate": "kubeconfig[0].cluster_ca_certificate"}
	return of(server, token, map[string]shape{
		"block, file mapped": {outputs: resource,
			mapping: map[string]string{"kubeconfig": "kubeconfig[0].config_file"}, works: kubeconfig.Token, version: "1.34.1"},
		"block, parts mapped": {outputs: resource, mapping: parts, works: kubeconfig.Token, version: "1.34.1"},
		"block not mapped":    {outputs: resource, refused: contract.ReasonOutputMissing},
		"parts beside the block": {outputs: func(c cluster) outputs {
			all := resource(c)
			all["token"], all["cluster_ca_certificate"] = secret{c.token}, secret{b64(c.ca())}
			return all
		}, works: kubeconfig.Token, version: "1.34.1"},
		"object, parts mapped": {outputs: func(c cluster) outputs {
			return outputs{"kubeconfig": secret{block(c)}}
		}, mapping: map[string]string{"endpoint": "kubeconfig.host", "token": "kubeconfig.token",
			"cluster_ca_certificate": "kubeconfig.cluster_ca_certificate"}, works: kubeconfig.Token},
	})
}

func ovh() map[string]shape {
	const server = "https://a1b2c3.c1.gra9.k8s.ovh.net"
	resource := func(c cluster) outputs {
		return outputs{"kubeconfig": secret{c.file(c.withCertificate())}, "kubeconfig_attributes": secret{list{object{
			"host": c.server, "cluster_ca_certificate": b64(c.ca()), "client_certificate": b64(c.certificate), "client_key": b64(c.key),
		}}}, "nodes_url": "a1b2c3.nodes.c1.gra9.k8s.ovh.net", "url": "a1b2c3.c1.gra9.k8s.ovh.net", "version": "1.34"}
	}
	return of(server, "", map[string]shape{
		"kubeconfig": {rsa: true, outputs: resource, works: kubeconfig.ClientCertificate, version: "1.34"},
		"attributes mapped": {rsa: true, outputs: resource, mapping: map[string]string{
			"endpoint": "kubeconfig_attributes[0].host", "cluster_ca_certificate": "kubeconfig_attributes[0].cluster_ca_certificate",
			"client_certificate": "kubeconfig_attributes[0].client_certificate", "client_key": "kubeconfig_attributes[0].client_key"},
			works: kubeconfig.ClientCertificate, version: "1.34"},
		"the provider's example": {rsa: true, outputs: func(c cluster) outputs {
			return outputs{"kubeconfig_file": secret{c.file(c.withCertificate())}}
		}, mapping: map[string]string{"kubeconfig": "kubeconfig_file"}, works: kubeconfig.ClientCertificate},
	})
}
