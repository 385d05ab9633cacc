package contract

import (
	"maps"
	"slices"
)

// The contract names of a control plane module: what a mapping (spec.outputs) may have as keys.
const (
	NameKubeconfig           = "kubeconfig"
	NameEndpoint             = "endpoint"
	NameClusterCACertificate = "cluster_ca_certificate"
	NameClientCertificate    = "client_certificate"
	NameClientKey            = "client_key"
	NameToken                = "token"
	NameKubernetesVersion    = "kubernetes_version"
	NameExpiration           = "kubeconfig_expiration"
)

// partNames are the names that make a kubeconfig together.
var partNames = []string{NameEndpoint, NameClusterCACertificate, NameClientCertificate, NameClientKey, NameToken}

// accepted holds, for each contract name, the outputs that are taken without a mapping. The first
// that holds a text that is not empty is taken, so the order is part of the contract: the own name
// first, then the more telling names before the vaguer ones.
var accepted = map[string][]string{
	NameKubeconfig: {
		NameKubeconfig,   // Linode, Civo, Scaleway, OVH, kind, Talos, RKE2 modules
		"kubeconfig_raw", // Talos, k3d, terraform-google-modules auth
		"raw_kubeconfig",
		"kube_admin_config_raw", // AKS: static also where Entra ID is on; empty where it is off
		"kube_config_raw",       // AKS
		"kube_config",           // AKS, Rancher and RKE2 modules that pass the raw text on
		"kube_config_yaml",      // RKE
		"raw_config",            // DigitalOcean, Selectel
		"cluster_raw_config",    // DigitalOcean modules
	},
	NameEndpoint: {
		NameEndpoint,           // GKE, DigitalOcean, kind
		"cluster_endpoint",     // EKS
		"eks_cluster_endpoint", // Cloud Posse's module for EKS
		"kubernetes_endpoint",
		"kubernetes_cluster_endpoint", // Civo modules
		"api_endpoint",                // Civo
		"apiserver_url",               // Scaleway
		"api_server_url",              // RKE
		"cluster_host",                // DigitalOcean and GKE modules
		"host",                        // AKS, Scaleway, Talos, k3d
	},
	NameClusterCACertificate: {
		NameClusterCACertificate,                 // AKS, DigitalOcean, Scaleway, kind
		"cluster_certificate_authority_data",     // EKS
		"eks_cluster_certificate_authority_data", // Cloud Posse's module for EKS
		"certificate_authority_data",
		"ca_certificate",  // GKE, Talos
		"cluster_ca_cert", // Selectel
		"ca_crt",          // RKE
	},
	NameClientCertificate: {
		NameClientCertificate,        // AKS, GKE, kind, k3d, Talos
		"cluster_client_certificate", // DigitalOcean modules
		"client_cert",                // RKE, Selectel
	},
	NameClientKey: {
		NameClientKey,        // AKS, GKE, kind, k3d, Talos, RKE
		"cluster_client_key", // DigitalOcean modules
	},
	NameToken: {
		NameToken,       // EKS (aws_eks_cluster_auth), Scaleway
		"cluster_token", // DigitalOcean modules
		"client_token",  // GKE modules
		"access_token",  // google_client_config
	},
	NameKubernetesVersion: {
		NameKubernetesVersion,        // AKS, Civo
		"cluster_version",            // EKS
		"eks_cluster_version",        // Cloud Posse's module for EKS
		"kubernetes_cluster_version", // Civo modules
		"master_version",             // GKE
		"version",                    // Scaleway, OVH, aws_eks_cluster; often the module's own
	},
	NameExpiration: {
		NameExpiration,
	},
}

// ControlPlaneNames returns every contract name of a control plane module, sorted.
func ControlPlaneNames() []string {
	return slices.Sorted(maps.Keys(accepted))
}
