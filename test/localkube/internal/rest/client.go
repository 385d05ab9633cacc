// Package rest speaks JSON with one API server, as an administrator with a client certificate.
package rest

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
)

// requestBound limits one request; a healthy API server answers within milliseconds.
const requestBound = 10 * time.Second

// Access is what an API server is reached with.
type Access struct {
	// Server is its URL, without a slash at the end.
	Server string
	// Authority is the certificate of its certificate authority, PEM.
	Authority []byte
	// Certificate and Key are the client's, PEM.
	Certificate, Key []byte
}

// Client speaks to one API server.
type Client struct {
	// Server is its URL.
	Server string
	http   *http.Client
}

// StatusError is an answer other than success.
type StatusError struct {
	// Code is the status code of HTTP.
	Code    int
	message string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("the API server answered %d: %s", e.Code, e.message)
}

// New asks nothing yet. The error quotes nothing of the access.
func New(access Access) (Client, error) {
	certificate, err := tls.X509KeyPair(access.Certificate, access.Key)
	if err != nil {
		return Client{}, fmt.Errorf("reading the client certificate: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(access.Authority)
	transport := &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs:      roots,
		Certificates: []tls.Certificate{certificate},
		MinVersion:   tls.VersionTLS12,
	}}
	return Client{Server: access.Server, http: &http.Client{Transport: transport, Timeout: requestBound}}, nil
}

// Close ends the connections that are kept.
func (c Client) Close() { c.http.CloseIdleConnections() }

// Get reads the answer's JSON into out, unless that is nil.
func (c Client) Get(ctx context.Context, path string, out any) error {
	return c.do(ctx, http.MethodGet, path, nil, out)
}

// Post sends JSON, and reads the answer's into out, unless that is nil.
func (c Client) Post(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return c.do(ctx, http.MethodPost, path, body, out)
}

// Delete deletes what is at the path.
func (c Client) Delete(ctx context.Context, path string) error {
	return c.do(ctx, http.MethodDelete, path, nil, nil)
}

func (c Client) do(ctx context.Context, method, path string, body []byte, out any) error {
	request, err := http.NewRequestWithContext(ctx, method, c.Server+path, bytes.NewReader(body))
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
		return &StatusError{Code: response.StatusCode, message: string(content)}
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(content, out)
}
