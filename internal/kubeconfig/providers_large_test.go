package kubeconfig_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"time"

	"github.com/captproject/capt/internal/contract"
	"github.com/captproject/capt/internal/kubeconfig"
)

// eksToken is what aws_eks_cluster_auth gives: a presigned request to STS.
func eksToken(date time.Time) string {
	day := date.UTC().Format("20060102")
	presigned := fmt.Sprintf("https://sts.eu-west-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15"+
		"&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=made-up%%2F%s%%2Feu-west-1%%2Fsts%%2Faws4_request"+
		"&X-Amz-Date=%sT%sZ&X-Amz-Expires=60&X-Amz-SignedHeaders=host%%3Bx-k8s-aws-id&X-Amz-Signature=made-up",
		day, day, date.UTC().Format("150405"))
	return "k8s-aws-v1." + base64.RawURLEncoding.EncodeToString([]byte(presigned))
}

// eksServer has the upper case of EKS.
const eksServer = "https://0123456789ABCDEF0123456789ABCDEF.gr7.eu-west-1.eks.amazonaws.com"

func eks() map[string]shape {
	fresh := eksToken(time.Now())
	// terraform-aws-modules/eks gives no token: whoever uses it adds aws_eks_cluster_auth.
	module := func(c cluster) outputs {
		return outputs{
			"cluster_arn": "arn:aws:eks:eu-west-1:111122223333:cluster/one", "cluster_name": "one", "cluster_version": "1.34",
			"cluster_certificate_authority_data": b64(c.ca()), "cluster_endpoint": c.server,
			"cluster_addons": object{"coredns": object{"addon_version": "v1.12.4-eksbuild.1"}}, "cluster_ip_family": "ipv4",
			"cluster_tls_certificate_sha1_fingerprint": "made-up", "eks_managed_node_groups_autoscaling_group_names": list{},
		}
	}
	with := func(more func(c cluster) outputs) func(c cluster) outputs {
		return func(c cluster) outputs {
			all := module(c)
			maps.Copy(all, more(c))
			return all
		}
	}
	token := func(c cluster) outputs { return outputs{"token": secret{c.token}} }
	command := func(c cluster) outputs {
		return outputs{"kubeconfig": c.file(withCommand("aws-iam-authenticator")), "token": secret{c.token}}
	}
	resource := func(c cluster) object {
		return object{"certificate_authority": list{object{"data": b64(c.ca())}}, "endpoint": c.server, "version": "1.34"}
	}
	return of(eksServer, fresh, map[string]shape{
		"module with a token":     {outputs: with(token), works: kubeconfig.Token, version: "1.34"},
		"module without a token":  {outputs: module, refused: contract.ReasonOutputMissing},
		"token of an earlier run": {token: eksToken(time.Now().Add(-time.Hour)), outputs: with(token), refused: kubeconfig.ReasonCredentialExpired},
		"kubeconfig that runs a command": {outputs: with(command),
			refused: kubeconfig.ReasonExecRefused},
		"parts mapped beside a kubeconfig that runs a command": {outputs: with(command),
			mapping: map[string]string{"token": "token"}, works: kubeconfig.Token, version: "1.34"},
		"cloudposse module with a token": {outputs: func(c cluster) outputs {
			return outputs{"eks_cluster_id": "one", "eks_cluster_endpoint": c.server, "eks_cluster_version": "1.34",
				"eks_cluster_certificate_authority_data": b64(c.ca()), "token": secret{c.token}}
		}, works: kubeconfig.Token, version: "1.34"},
		"attributes": {outputs: func(c cluster) outputs {
			all := outputs(resource(c))
			all["token"] = secret{c.token}
			return all
		}, mapping: map[string]string{"cluster_ca_certificate": "certificate_authority[0].data"}, works: kubeconfig.Token, version: "1.34"},
		"resources as objects": {outputs: func(c cluster) outputs {
			return outputs{"cluster": resource(c), "auth": secret{object{"id": "one", "name": "one", "token": c.token}}}
		}, mapping: map[string]string{"endpoint": "cluster.endpoint", "cluster_ca_certificate": "cluster.certificate_authority[0].data",
			"token": "auth.token", "kubernetes_version": "cluster.version"}, works: kubeconfig.Token, version: "1.34"},
	})
}

func gke() map[string]shape {
	const server, token, version = "https://203.0.113.10", "ya29.c.made-up_0123-4567", "1.34.1-gke.1829001"
	// masterAuth has empty texts where GKE was not asked for a client certificate.
	masterAuth := func(c cluster, certificate, key string) list {
		return list{object{
			"client_certificate": certificate, "client_certificate_config": list{object{"issue_client_certificate": certificate != ""}},
			"client_key": key, "cluster_ca_certificate": b64(c.ca()),
		}}
	}
	resource := func(c cluster) outputs {
		return outputs{"endpoint": c.host(), "master_auth": secret{masterAuth(c, "", "")}, "master_version": version,
			"access_token": secret{c.token}}
	}
	certified := func(c cluster) outputs {
		return outputs{"endpoint": c.host(), "master_auth": secret{masterAuth(c, b64(c.certificate), b64(c.key))}, "master_version": version}
	}
	auth := func(c cluster) outputs {
		return outputs{"cluster_ca_certificate": secret{c.ca()}, "host": c.server, "token": secret{c.token},
			"cluster": secret{object{"endpoint": c.host(), "master_auth": masterAuth(c, "", "")}}}
	}
	return of(server, token, map[string]shape{
		"master_auth mapped": {outputs: resource,
			mapping: map[string]string{"cluster_ca_certificate": "master_auth[0].cluster_ca_certificate"}, works: kubeconfig.Token, version: version},
		"master_auth mapped in the old form of a path": {outputs: resource,
			mapping: map[string]string{"cluster_ca_certificate": "master_auth.0.cluster_ca_certificate"}, works: kubeconfig.Token, version: version},
		"master_auth not mapped": {outputs: resource, publiclyTrusted: true, version: version},
		"client certificate": {rsa: true, outputs: certified, mapping: map[string]string{
			"cluster_ca_certificate": "master_auth[0].cluster_ca_certificate", "client_certificate": "master_auth[0].client_certificate",
			"client_key": "master_auth[0].client_key"}, works: kubeconfig.ClientCertificate, version: version},
		"client certificate mapped that was not asked for": {outputs: resource,
			mapping: map[string]string{"client_certificate": "master_auth[0].client_certificate"}, refused: contract.ReasonOutputMissing},
		"module with a token": {outputs: func(c cluster) outputs {
			return outputs{"ca_certificate": secret{b64(c.ca())}, "endpoint": secret{c.host()}, "master_version": version, "min_master_version": version,
				"name": "one", "location": "europe-west1", "type": "regional", "release_channel": "REGULAR", "access_token": secret{c.token}}
		}, works: kubeconfig.Token, version: version},
		"module's auth, parts": {outputs: auth, works: kubeconfig.Token},
		"module's auth": {outputs: func(c cluster) outputs {
			all := auth(c)
			all["kubeconfig_raw"] = secret{c.file(c.withToken())}
			return all
		}, works: kubeconfig.Token},
		"client certificate not asked for": {outputs: func(c cluster) outputs {
			return outputs{"endpoint": c.host(), "cluster_ca_certificate": b64(c.ca()), "client_certificate": "", "client_key": secret{""},
				"client_token": secret{c.token}}
		}, works: kubeconfig.Token},
	})
}

func aks() map[string]shape {
	const server, token = "https://one-0a1b2c3d.hcp.westeurope.azmk8s.io:443", "0123456789abcdef0123456789abcdef"
	block := func(c cluster) object {
		return object{"host": c.server, "client_certificate": b64(c.certificate), "client_key": b64(c.key),
			"cluster_ca_certificate": b64(c.ca()), "username": "clusterUser_one_one", "password": c.token}
	}
	raw := func(user, admin func(c cluster) string) func(c cluster) outputs {
		return func(c cluster) outputs {
			return outputs{"kube_config_raw": secret{user(c)}, "kube_admin_config_raw": secret{admin(c)}, "kubernetes_version": "1.34.1"}
		}
	}
	local := func(c cluster) string { return c.file(c.withCertificate(), c.withToken()) }
	entra := func(c cluster) string { return c.file(withCommand("kubelogin")) }
	none := func(cluster) string { return "" }
	parts := func(c cluster) outputs {
		return outputs{"host": secret{c.server}, "client_certificate": secret{b64(c.certificate)}, "client_key": secret{b64(c.key)},
			"cluster_ca_certificate": secret{b64(c.ca())}, "username": secret{"clusterUser_one_one"}, "password": secret{c.token},
			"admin_host": secret{""}, "admin_client_certificate": secret{""}, "admin_client_key": secret{""}}
	}
	blocks := func(c cluster) outputs {
		return outputs{"kube_config": secret{list{block(c)}}, "kube_admin_config": secret{list{}}}
	}
	return of(server, token, map[string]shape{
		"raw": {rsa: true, outputs: raw(local, none), works: kubeconfig.ClientCertificate, version: "1.34.1"},
		"raw with Entra ID": {rsa: true, outputs: raw(entra, local),
			works: kubeconfig.ClientCertificate, version: "1.34.1"},
		"raw with Entra ID and without local accounts": {outputs: raw(entra, none), refused: kubeconfig.ReasonExecRefused},
		"module": {rsa: true, outputs: func(c cluster) outputs {
			all := parts(c)
			all["kube_config_raw"], all["kube_admin_config_raw"] = secret{local(c)}, secret{""}
			return all
		}, works: kubeconfig.ClientCertificate},
		"parts": {rsa: true, outputs: parts, works: kubeconfig.ClientCertificate},
		"block mapped": {rsa: true, outputs: blocks, mapping: map[string]string{
			"endpoint": "kube_config[0].host", "cluster_ca_certificate": "kube_config[0].cluster_ca_certificate",
			"client_certificate": "kube_config[0].client_certificate", "client_key": "kube_config[0].client_key"}, works: kubeconfig.ClientCertificate},
		"block not mapped": {outputs: blocks, refused: contract.ReasonOutputMissing},
	})
}
