package kubeconfig

import (
	"regexp"

	clientcmdv1 "k8s.io/client-go/tools/clientcmd/api/v1"
	"sigs.k8s.io/yaml"
)

// What may be an anchor and an alias of YAML. In UTF-16 there is a NUL beside each character.
var (
	anchor = regexp.MustCompile(`&\x00?[\w-]`)
	alias  = regexp.MustCompile(`\*\x00?[\w-]`)
)

// parse takes the parts out of a whole kubeconfig, and refuses one that needs more than its parts.
// Contexts, clusters and users that the chosen context does not name are not looked at.
func parse(file []byte, allowInsecure bool) (Parts, error) {
	if len(file) > maxFile {
		return Parts{}, refuse(ReasonTooLarge, "The kubeconfig is larger than 1 MiB. Correct the module's output.")
	}
	if anchor.Match(file) && alias.Match(file) {
		return Parts{}, refuse(ReasonUnreadable, "The kubeconfig has YAML anchors and aliases (&name, *name), of which a small file can make gigabytes. Write out what they stand for.")
	}
	var config clientcmdv1.Config
	if yaml.Unmarshal(file, &config) != nil ||
		(config.Kind != "" && config.Kind != "Config") || (config.APIVersion != "" && config.APIVersion != "v1") {
		return Parts{}, refuse(ReasonUnreadable, "This is not a kubeconfig: it has to be YAML or JSON of apiVersion v1 and kind Config, with base64 in its -data fields. Correct the module's output.")
	}
	cluster, user, err := choose(config)
	if err != nil {
		return Parts{}, err
	}
	if err := checkCluster(cluster, allowInsecure); err != nil {
		return Parts{}, err
	}
	if err := checkUser(user); err != nil {
		return Parts{}, err
	}
	return Parts{
		Server:            cluster.Server,
		TLSServerName:     cluster.TLSServerName,
		CACertificate:     cluster.CertificateAuthorityData,
		ClientCertificate: user.ClientCertificateData,
		ClientKey:         user.ClientKeyData,
		Token:             user.Token,
		insecure:          cluster.InsecureSkipTLSVerify,
	}, nil
}

// choose finds the cluster and user of current-context, or of the only context if none is current.
func choose(config clientcmdv1.Config) (cluster clientcmdv1.Cluster, user clientcmdv1.AuthInfo, err error) {
	current := config.CurrentContext
	if current == "" && len(config.Contexts) == 1 {
		current = config.Contexts[0].Name
	}
	// A name that occurs twice is not usable: readers differ in which one they take.
	var contexts, clusters, users int
	var context clientcmdv1.Context
	for _, c := range config.Contexts {
		if c.Name == current {
			context = c.Context
			contexts++
		}
	}
	for _, c := range config.Clusters {
		if c.Name == context.Cluster {
			cluster = c.Cluster
			clusters++
		}
	}
	for _, u := range config.AuthInfos {
		if u.Name == context.AuthInfo {
			user = u.AuthInfo
			users++
		}
	}
	switch {
	case contexts != 1:
		err = refuse(ReasonContextInvalid, "There is not exactly one context to use: current-context has to name one that exists once. Correct the module's output.")
	case clusters != 1:
		err = refuse(ReasonContextInvalid, "The cluster of the current context does not exist exactly once. Correct the module's output.")
	case users != 1:
		err = refuse(ReasonContextInvalid, "The user of the current context does not exist exactly once. Correct the module's output.")
	}
	return cluster, user, err
}

func checkCluster(c clientcmdv1.Cluster, allowInsecure bool) error {
	switch {
	case c.InsecureSkipTLSVerify && !allowInsecure:
		return refuse(ReasonInsecureRefused, "The kubeconfig sets insecure-skip-tls-verify, so anybody could pose as the cluster. Let the module give the CA certificate instead, or take the risk with spec.kubeconfig.insecureSkipTLSVerify.")
	case c.ProxyURL != "":
		return refuse(ReasonProxyRefused, "The kubeconfig sets proxy-url. Remove it, and give a server that is reached directly.")
	case c.CertificateAuthority != "":
		return refuse(ReasonFilePathRefused, "The kubeconfig names a file in certificate-authority, which no other machine has. Let the module embed it as certificate-authority-data.")
	}
	return nil
}

func checkUser(u clientcmdv1.AuthInfo) error {
	switch {
	case u.Exec != nil:
		return refuse(ReasonExecRefused, "The kubeconfig runs a command (exec) to get a credential, which Cluster API refuses. Let the module give a static one: a client certificate or a token.")
	case u.AuthProvider != nil:
		return refuse(ReasonAuthProviderRefused, "The kubeconfig uses an auth-provider to get a credential, which Cluster API refuses. Let the module give a static one: a client certificate or a token.")
	case u.Impersonate != "" || u.ImpersonateUID != "" || len(u.ImpersonateGroups) > 0 || len(u.ImpersonateUserExtra) > 0:
		return refuse(ReasonImpersonationRefused, "The kubeconfig acts as somebody else (as, as-groups, …). Give the credential of the user that is meant.")
	case u.ClientCertificate != "":
		return refuse(ReasonFilePathRefused, "The kubeconfig names a file in client-certificate, which no other machine has. Let the module embed it as client-certificate-data.")
	case u.ClientKey != "":
		return refuse(ReasonFilePathRefused, "The kubeconfig names a file in client-key, which no other machine has. Let the module embed it as client-key-data.")
	case u.TokenFile != "":
		return refuse(ReasonFilePathRefused, "The kubeconfig names a file in tokenFile, which no other machine has. Let the module embed it as token.")
	case u.Username != "" || u.Password != "":
		return refuse(ReasonBasicAuthRefused, "The kubeconfig has a user name or password, which Kubernetes no longer accepts. Let the module give a client certificate or a token.")
	}
	return nil
}
