package kubeconfig

import "time"

// ClockSkew is how far in the future something may begin to be valid.
const ClockSkew = 5 * time.Minute

// What Judge looks at is bounded, in bytes, so that the three Secrets stay within the 1 MiB of a
// Secret whatever a module prints.
const (
	maxFile        = 1 << 20
	maxServer      = 2 << 10
	maxCA          = 256 << 10
	maxCertificate = 64 << 10
	maxKey         = 16 << 10
	maxToken       = 64 << 10
)

// Candidate is something to publish: a whole kubeconfig or the parts of one.
type Candidate struct {
	// Kubeconfig is a whole file, YAML or JSON. If it is set, Parts is not looked at.
	Kubeconfig []byte
	Parts
}

// Parts are what a kubeconfig is made of.
type Parts struct {
	// Server is the URL of the API server, https://host[:port][/path].
	Server string
	// TLSServerName is the name the server's certificate is checked for, if it is not Server's host.
	TLSServerName string
	// CACertificate is PEM, one certificate or more; empty means that the server's certificate is
	// publicly trusted.
	CACertificate []byte
	// ClientCertificate and ClientKey are PEM; the certificate may be followed by its chain.
	ClientCertificate, ClientKey []byte
	// Token is a bearer token.
	Token string
}

// Judge decides whether a candidate may be published and takes it apart. now is the time that
// validity is judged at. The error is an *Error.
func Judge(c Candidate, now time.Time) (*Kubeconfig, error) {
	parts := c.Parts
	if len(c.Kubeconfig) > 0 {
		var err error
		if parts, err = parse(c.Kubeconfig); err != nil {
			return nil, err
		}
	}
	if err := checkSizes(parts); err != nil {
		return nil, err
	}
	server, err := judgeServer(parts.Server)
	if err != nil {
		return nil, err
	}
	if err := judgeTLSServerName(parts.TLSServerName); err != nil {
		return nil, err
	}
	ca, err := judgeCA(parts.CACertificate, now)
	if err != nil {
		return nil, err
	}
	kc, err := judgeCredential(parts, now)
	if err != nil {
		return nil, err
	}
	kc.Server, kc.TLSServerName, kc.CA = server, parts.TLSServerName, ca
	// Written anew, a part can be larger than it was given.
	if err := checkSizes(Parts{Server: kc.Server, CACertificate: kc.CA,
		ClientCertificate: kc.clientCertificate, ClientKey: kc.clientKey, Token: kc.token}); err != nil {
		return nil, err
	}
	return kc, nil
}

func checkSizes(p Parts) error {
	for _, part := range []struct {
		is, limit int
		message   string
	}{
		{len(p.Server), maxServer, "The server's URL is longer than 2 KiB. Correct the module's output."},
		{len(p.CACertificate), maxCA, "The CA certificates are larger than 256 KiB. Correct the module's output."},
		{len(p.ClientCertificate), maxCertificate, "The client certificate is larger than 64 KiB. Correct the module's output."},
		{len(p.ClientKey), maxKey, "The client key is larger than 16 KiB. Correct the module's output."},
		{len(p.Token), maxToken, "The token is longer than 64 KiB. Correct the module's output."},
	} {
		if part.is > part.limit {
			return refuse(ReasonTooLarge, part.message)
		}
	}
	return nil
}

// judgeCredential fills the credential of a Kubeconfig: the certificate if there is one, else the token.
func judgeCredential(p Parts, now time.Time) (*Kubeconfig, error) {
	var kc *Kubeconfig
	var valid validity
	var err error
	switch {
	case len(p.ClientCertificate) > 0 || len(p.ClientKey) > 0:
		kc, valid, err = judgeCertificate(p.ClientCertificate, p.ClientKey)
	case p.Token != "":
		kc, valid, err = judgeToken(p.Token)
	default:
		err = refuse(ReasonCredentialMissing, "There is neither a client certificate with its key nor a token. Let the module give one of them.")
	}
	if err != nil {
		return nil, err
	}
	if valid.begins.After(now.Add(ClockSkew)) {
		return nil, refuse(ReasonCredentialNotYetValid, "The credential is not valid yet, by more than 5 minutes. Correct the clock that it was made by, or make a new one.")
	}
	if !valid.ends.IsZero() {
		if !now.Before(valid.ends) {
			return nil, refuse(ReasonCredentialExpired, "The credential has expired. Apply the workspace again so that the module makes a new one.")
		}
		kc.Expires = &valid.ends
	}
	return kc, nil
}

// validity is the time that a credential is good for; zero is unbounded or unknown.
type validity struct {
	begins, ends time.Time
}
