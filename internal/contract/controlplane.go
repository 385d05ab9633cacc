package contract

import (
	"slices"
	"strings"
	"time"
)

// ControlPlane is what a control plane module gives: a whole kubeconfig or enough parts of one,
// never both. Nothing in it has been judged beyond its form; package kubeconfig does that.
type ControlPlane struct {
	// Kubeconfig is the whole file, YAML or JSON, decoded. If set, all parts are empty.
	Kubeconfig []byte
	// Endpoint is the URL of the API server, https://host[:port].
	Endpoint string
	// CACertificate is PEM, one certificate or more; empty means publicly trusted.
	CACertificate []byte
	// ClientCertificate and ClientKey are PEM; both or none are set.
	ClientCertificate, ClientKey []byte
	// Token is a bearer token. It may be there beside a certificate.
	Token string
	// Expiration is when the credential ends, if the module says so; else zero.
	Expiration time.Time
	// KubernetesVersion is what the module says really runs, as it writes it ("1.34",
	// "v1.34.1+k3s1"); empty if it does not say.
	KubernetesVersion string
}

// ControlPlane reads the outputs of a control plane module. mapping is spec.outputs: contract name
// to the name of an output or a path into one; nil maps nothing. A mapped kubeconfig is used, else
// mapped parts are, else a kubeconfig under an accepted name, else parts under accepted names.
// If the mapping has one kind of credential, a token or a client certificate, the other kind is
// not looked for. The error is an *Error.
func (o Outputs) ControlPlane(mapping map[string]string) (ControlPlane, error) {
	l := lookup{outputs: o, mapping: mapping}
	if err := l.checkMapping(); err != nil {
		return ControlPlane{}, err
	}
	version, err := l.value(NameKubernetesVersion)
	if err != nil {
		return ControlPlane{}, err
	}
	expiration, err := l.value(NameExpiration)
	if err != nil {
		return ControlPlane{}, err
	}
	plane, err := l.credential()
	plane.KubernetesVersion = string(version)
	plane.Expiration, _ = time.Parse(time.RFC3339, string(expiration)) // read before, or not there
	return plane, err
}

// credential returns a whole kubeconfig or the parts of one.
func (l lookup) credential() (ControlPlane, error) {
	if len(l.mapped(partNames...)) == 0 {
		file, err := l.value(NameKubeconfig)
		if err != nil || file != nil {
			return ControlPlane{Kubeconfig: file}, err
		}
	}
	return l.parts()
}

func (l lookup) parts() (ControlPlane, error) {
	found := map[string][]byte{}
	for _, name := range l.wantedParts() {
		value, err := l.value(name)
		if err != nil {
			return ControlPlane{}, err
		}
		found[name] = value
	}
	if missing := missingParts(found); len(missing) > 0 {
		return ControlPlane{}, fail(ReasonOutputMissing,
			"The module gives no kubeconfig, and of its parts these are missing: %s. Add an output %q, or map the right outputs in spec.outputs.%s %s",
			strings.Join(missing, "; "), NameKubeconfig, l.structured(found), l.outputs.have())
	}
	plane := ControlPlane{
		Endpoint:      string(found[NameEndpoint]),
		CACertificate: found[NameClusterCACertificate],
		Token:         string(found[NameToken]),
	}
	// Half a certificate beside a token is common (GKE prints an empty key): the token counts.
	if found[NameClientCertificate] != nil && found[NameClientKey] != nil {
		plane.ClientCertificate, plane.ClientKey = found[NameClientCertificate], found[NameClientKey]
	}
	return plane, nil
}

// wantedParts leaves out the kind of credential that the mapping decided against.
func (l lookup) wantedParts() []string {
	token := len(l.mapped(NameToken)) > 0
	certificate := len(l.mapped(NameClientCertificate, NameClientKey)) > 0
	return slices.DeleteFunc(slices.Clone(partNames), func(name string) bool {
		switch name {
		case NameToken:
			return certificate && !token
		case NameClientCertificate, NameClientKey:
			return token && !certificate
		default:
			return false
		}
	})
}

// missingParts names what stands between the parts and a kubeconfig.
func missingParts(found map[string][]byte) (missing []string) {
	if found[NameEndpoint] == nil {
		missing = append(missing, NameEndpoint)
	}
	certificate, key, token := found[NameClientCertificate] != nil, found[NameClientKey] != nil, found[NameToken] != nil
	switch {
	case token || certificate && key:
	case certificate:
		missing = append(missing, NameClientKey)
	case key:
		missing = append(missing, NameClientCertificate)
	default:
		missing = append(missing, NameToken+", or "+NameClientCertificate+" with "+NameClientKey)
	}
	return missing
}

// structured points into the outputs that have an accepted name for what was not found and are no
// texts.
func (l lookup) structured(found map[string][]byte) string {
	var hints strings.Builder
	for _, name := range append([]string{NameKubeconfig}, l.wantedParts()...) {
		if found[name] != nil {
			continue
		}
		for _, output := range accepted[name] {
			if string(l.outputs[output].Type) != `"string"` {
				hints.WriteString(pathHint(output, l.outputs[output].Type))
			}
		}
	}
	return hints.String()
}
