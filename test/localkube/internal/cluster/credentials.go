package cluster

import (
	"os"
	"time"

	"github.com/captproject/capt/test/localkube/internal/kubeconfig"
	"github.com/captproject/capt/test/localkube/internal/pki"
	"github.com/captproject/capt/test/localkube/internal/rest"
)

// How long credentials live when Settings does not say.
const (
	certificateTTL = 365 * 24 * time.Hour
	tokenTTL       = time.Hour
)

// Credentials open one cluster, each by itself.
type Credentials struct {
	// ClientCertificate and ClientKey are PEM.
	ClientCertificate, ClientKey string
	// Kubeconfig is a kubeconfig file (YAML, everything embedded) with the client certificate.
	Kubeconfig string
	// Token is a service account's JWT.
	Token string
}

// Renew returns the credentials with each one replaced that has lived for a third of its life or cannot be read; none
// are needed to begin with. A third, so that whoever plans to renew at half life always gets new ones. A ttl of 0 means
// one year for the certificate and one hour for the token.
func (c Clusters) Renew(name string, old Credentials, ttl time.Duration) (Credentials, error) {
	d, now, renewed := c.directory(name), time.Now(), old
	r, err := d.readRecord()
	if err != nil {
		return old, err
	}
	authority, err := d.readAuthority()
	if err != nil {
		return old, err
	}
	if due(pki.CertificateLifetime, old.ClientCertificate, now) {
		pair, err := authority.IssueAdministrator(administratorName, lifetime(now, ttl, certificateTTL))
		if err != nil {
			return old, err
		}
		renewed.ClientCertificate, renewed.ClientKey = string(pair.Certificate), string(pair.Key)
	}
	if due(pki.TokenLifetime, old.Token, now) {
		key, err := os.ReadFile(d.file(accountKeyFile))
		if err != nil {
			return old, err
		}
		renewed.Token, err = pki.IssueToken(key, administrator(r.AdministratorUID), lifetime(now, ttl, tokenTTL))
		if err != nil {
			return old, err
		}
	}
	renewed.Kubeconfig, err = kubeconfig.Write(name, rest.Access{
		Server: r.Endpoint, Authority: authority.Certificate,
		Certificate: []byte(renewed.ClientCertificate), Key: []byte(renewed.ClientKey),
	})
	return renewed, err
}

func due(read func(string) (pki.Lifetime, error), credential string, now time.Time) bool {
	life, err := read(credential)
	return err != nil || now.Sub(life.From) >= life.To.Sub(life.From)/3
}

func lifetime(now time.Time, ttl, standard time.Duration) pki.Lifetime {
	if ttl == 0 {
		ttl = standard
	}
	return pki.Lifetime{From: now, To: now.Add(ttl)}
}
