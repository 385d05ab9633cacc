package kubeconfig

import (
	"net"
	"net/url"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

const serverAdvice = " Let the module give https://host[:port]."

// judgeServer returns the server's URL in its plain form: host in lower case, no trailing slash.
// A path is allowed: gateways such as Rancher's serve many clusters under one host.
func judgeServer(server string) (string, error) {
	if server == "" {
		return "", refuse(ReasonServerInvalid, "There is no server."+serverAdvice)
	}
	u, err := url.Parse(server)
	switch {
	case err != nil:
		return "", refuse(ReasonServerInvalid, "The server is not a URL."+serverAdvice)
	case u.Scheme != "https":
		return "", refuse(ReasonServerInvalid, "The server is not an https URL."+serverAdvice)
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", refuse(ReasonServerInvalid, "The server's URL has a user, a query or a fragment."+serverAdvice)
	case !isHost(u.Hostname()):
		return "", refuse(ReasonServerInvalid, "The server's URL has no host that is a DNS name or an address."+serverAdvice)
	case strings.HasSuffix(u.Host, ":") || u.Port() != "" && !isPort(u.Port()):
		return "", refuse(ReasonServerInvalid, "The server's URL has a port that is not between 1 and 65535."+serverAdvice)
	}
	u.Host = strings.ToLower(u.Host)
	return strings.TrimRight(u.String(), "/"), nil
}

func judgeTLSServerName(name string) error {
	if name != "" && !isHost(name) {
		return refuse(ReasonTLSServerNameInvalid, "tls-server-name is not a DNS name or an address. Correct the module's output.")
	}
	return nil
}

func isHost(host string) bool {
	return net.ParseIP(host) != nil || len(validation.IsDNS1123Subdomain(strings.ToLower(host))) == 0
}

func isPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

// Endpoint returns the host and port of a server's URL for spec.controlPlaneEndpoint: an IPv6
// address without brackets, port 443 if the URL has none. The error is an *Error with
// ReasonServerInvalid.
func Endpoint(server string) (host string, port int32, err error) {
	server, err = judgeServer(server)
	if err != nil {
		return "", 0, err
	}
	u, _ := url.Parse(server) // judged
	port = 443
	if u.Port() != "" {
		n, _ := strconv.ParseInt(u.Port(), 10, 32) // judged
		port = int32(n)
	}
	return u.Hostname(), port, nil
}
