package pki

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Issuer is what the API server must be told as --service-account-issuer to accept our tokens.
const Issuer = "https://kubernetes.default.svc.cluster.local"

// ServiceAccount is an account of the cluster as its API server knows it.
type ServiceAccount struct {
	Namespace, Name, UID string
}

type claims struct {
	Issuer     string           `json:"iss"`
	Audience   []string         `json:"aud"`
	Subject    string           `json:"sub"`
	IssuedAt   int64            `json:"iat"`
	NotBefore  int64            `json:"nbf"`
	Expires    int64            `json:"exp"`
	Kubernetes kubernetesClaims `json:"kubernetes.io"`
}

type kubernetesClaims struct {
	Namespace      string       `json:"namespace"`
	ServiceAccount accountClaim `json:"serviceaccount"`
}

type accountClaim struct {
	Name string `json:"name"`
	UID  string `json:"uid"`
}

// IssueToken signs a token for the account with the cluster's service account key (PEM), in the form of the tokens
// which the API server's TokenRequest issues (RFC 7519, ES256).
func IssueToken(key []byte, account ServiceAccount, life Lifetime) (string, error) {
	signer, err := decodeKey(key)
	if err != nil {
		return "", fmt.Errorf("reading the service account key: %w", err)
	}
	payload, err := json.Marshal(claims{
		Issuer:    Issuer,
		Audience:  []string{Issuer},
		Subject:   fmt.Sprintf("system:serviceaccount:%s:%s", account.Namespace, account.Name),
		IssuedAt:  life.From.Unix(),
		NotBefore: life.From.Unix(),
		Expires:   life.To.Unix(),
		Kubernetes: kubernetesClaims{
			Namespace:      account.Namespace,
			ServiceAccount: accountClaim{Name: account.Name, UID: account.UID},
		},
	})
	if err != nil {
		return "", err
	}
	signed := encodeSegment([]byte(`{"alg":"ES256","typ":"JWT"}`)) + "." + encodeSegment(payload)
	signature, err := signES256(signer, signed)
	if err != nil {
		return "", fmt.Errorf("signing a token for %s/%s: %w", account.Namespace, account.Name, err)
	}
	return signed + "." + encodeSegment(signature), nil
}

// TokenLifetime reads the lifetime of a JWT without checking its signature.
func TokenLifetime(token string) (Lifetime, error) {
	segments := strings.Split(token, ".")
	if len(segments) != 3 {
		return Lifetime{}, errors.New("reading a token: it does not have three segments")
	}
	payload, err := base64.RawURLEncoding.DecodeString(segments[1])
	if err != nil {
		return Lifetime{}, errors.New("reading a token: its claims are not base64")
	}
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil {
		return Lifetime{}, errors.New("reading a token: its claims are not JSON")
	}
	return Lifetime{time.Unix(c.IssuedAt, 0), time.Unix(c.Expires, 0)}, nil
}

// signES256 returns the signature as RFC 7518 section 3.4 wants it: both numbers, 32 bytes each.
func signES256(key *ecdsa.PrivateKey, text string) ([]byte, error) {
	digest := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		return nil, err
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signature, nil
}

func encodeSegment(content []byte) string { return base64.RawURLEncoding.EncodeToString(content) }
