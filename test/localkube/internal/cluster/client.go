package cluster

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/captproject/capt/test/localkube/internal/pki"
)

// requestBound limits one request; a healthy API server answers within milliseconds.
const requestBound = 10 * time.Second

// client speaks to one API server as its administrator.
type client struct {
	endpoint string
	http     *http.Client
}

// statusError is an answer other than success.
type statusError struct {
	code    int
	message string
}

func (e *statusError) Error() string {
	return fmt.Sprintf("the API server answered %d: %s", e.code, e.message)
}

// newClient uses a certificate of its own, since the one in the state may have expired.
func newClient(d directory, endpoint string, now time.Time) (client, error) {
	authority, err := d.readAuthority()
	if err != nil {
		return client{}, err
	}
	pair, err := authority.IssueAdministrator("localkube-provider", pki.Lifetime{From: now, To: now.Add(time.Hour)})
	if err != nil {
		return client{}, err
	}
	certificate, err := tls.X509KeyPair(pair.Certificate, pair.Key)
	if err != nil {
		return client{}, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.Certificate)
	transport := &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs:      roots,
		Certificates: []tls.Certificate{certificate},
		MinVersion:   tls.VersionTLS12,
	}}
	return client{endpoint: endpoint, http: &http.Client{Transport: transport, Timeout: requestBound}}, nil
}

func (c client) close() { c.http.CloseIdleConnections() }

// get reads the answer's JSON into out, unless that is nil.
func (c client) get(ctx context.Context, path string, out any) error {
	return c.do(ctx, http.MethodGet, path, nil, out)
}

func (c client) post(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return c.do(ctx, http.MethodPost, path, body, out)
}

func (c client) do(ctx context.Context, method, path string, body []byte, out any) error {
	request, err := http.NewRequestWithContext(ctx, method, c.endpoint+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return &statusError{code: response.StatusCode, message: string(content)}
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(content, out)
}

// serverVersion is what runs, such as "v1.36.3".
func (c client) serverVersion(ctx context.Context) (string, error) {
	var version struct {
		GitVersion string `json:"gitVersion"`
	}
	err := c.get(ctx, "/version", &version)
	return version.GitVersion, err
}
