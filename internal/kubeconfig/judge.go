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
	// Made is when the candidate was made, for a credential that does not tell since when it is good;
	// zero means that it is not known.
	Made time.Time
	// Ends is when the credential ends by the word of whoever gives it; zero means that there is no
	// word. What the credential itself says counts if that is earlier.
	Ends time.Time
	// AllowInsecure accepts a whole file with insecure-skip-tls-verify.
	AllowInsecure bool
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

	// insecure is insecure-skip-tls-verify, which only a whole file can have.
	insecure bool
}

// Judge decides whether a candidate may be published and takes it apart. now is the time that
// validity is judged at. The error is an *Error.
func Judge(c Candidate, now time.Time) (*Kubeconfig, error) {
	examined, err := Examine(c, now)
	if err != nil {
		return nil, err
	}
	return examined.Kubeconfig(now)
}

// Examine judges a candidate as Judge does, except for whether its credential is valid now: the
// server and its CA can be of use when the credential has ended. The error is an *Error.
func Examine(c Candidate, now time.Time) (*Examined, error) {
	parts := c.Parts
	if len(c.Kubeconfig) > 0 {
		var err error
		if parts, err = parse(c.Kubeconfig, c.AllowInsecure); err != nil {
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
	if parts.insecure {
		ca = nil // client-go refuses a file that has both
	}
	kc, valid, err := judgeCredential(parts)
	if err != nil {
		return nil, err
	}
	kc.Server, kc.TLSServerName, kc.CA, kc.Insecure = server, parts.TLSServerName, ca, parts.insecure
	// Written anew, a part can be larger than it was given.
	if err := checkSizes(Parts{Server: kc.Server, CACertificate: kc.CA,
		ClientCertificate: kc.clientCertificate, ClientKey: kc.clientKey, Token: kc.token}); err != nil {
		return nil, err
	}
	kc.date(valid, c)
	return &Examined{kubeconfig: kc, begins: valid.begins}, nil
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
func judgeCredential(p Parts) (*Kubeconfig, validity, error) {
	switch {
	case len(p.ClientCertificate) > 0 || len(p.ClientKey) > 0:
		return judgeCertificate(p.ClientCertificate, p.ClientKey)
	case p.Token != "":
		return judgeToken(p.Token)
	}
	return nil, validity{}, refuse(ReasonCredentialMissing, "There is neither a client certificate with its key nor a token. Let the module give one of them.")
}

// Examined is a candidate that was found good but for the time: its credential may have ended, or
// not begun. Only Examine makes one.
type Examined struct {
	kubeconfig *Kubeconfig
	begins     time.Time
}

// Kubeconfig returns what may be published at this time. The error is an *Error.
func (e *Examined) Kubeconfig(now time.Time) (*Kubeconfig, error) {
	if e.begins.After(now.Add(ClockSkew)) {
		return nil, refuseUntil(e.begins, ReasonCredentialNotYetValid, "The credential is not valid yet, by more than 5 minutes. Correct the clock that it was made by, or make a new one.")
	}
	if e.kubeconfig.Expires != nil && !now.Before(*e.kubeconfig.Expires) {
		return nil, refuse(ReasonCredentialExpired, "The credential has expired. A new one is asked for; if none comes, see that the module makes one when it is applied again.")
	}
	kc := *e.kubeconfig
	return &kc, nil
}

// WithToken returns a candidate for the same cluster with a token instead of the credential.
func (e *Examined) WithToken(token string) Candidate {
	return e.kubeconfig.WithToken(token)
}

// Life is what is known of how long the credential lives.
func (e *Examined) Life() Life { return e.kubeconfig.Life }

// SameCluster tells whether it leads to the same cluster as a kubeconfig: the same server, checked
// against the same CA.
func (e *Examined) SameCluster(other *Kubeconfig) bool { return SameCluster(e.kubeconfig, other) }

// validity is the time that a credential is good for; zero is unbounded or unknown.
type validity struct {
	begins, ends time.Time
	// opaque credentials do not tell their ends.
	opaque bool
}
