package cluster

import (
	"context"
	"time"

	"github.com/captproject/capt/test/localkube/internal/pki"
	"github.com/captproject/capt/test/localkube/internal/rest"
)

// newClient uses a certificate of its own, since the one in the state may have expired.
func newClient(d directory, endpoint string, now time.Time) (rest.Client, error) {
	authority, err := d.readAuthority()
	if err != nil {
		return rest.Client{}, err
	}
	pair, err := authority.IssueAdministrator("localkube-provider", pki.Lifetime{From: now, To: now.Add(time.Hour)})
	if err != nil {
		return rest.Client{}, err
	}
	return rest.New(rest.Access{Server: endpoint, Authority: authority.Certificate, Certificate: pair.Certificate, Key: pair.Key})
}

// serverVersion is what runs, such as "v1.36.3".
func serverVersion(ctx context.Context, c rest.Client) (string, error) {
	var version struct {
		GitVersion string `json:"gitVersion"`
	}
	err := c.Get(ctx, "/version", &version)
	return version.GitVersion, err
}
