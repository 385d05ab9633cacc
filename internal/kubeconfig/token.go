package kubeconfig

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"time"
)

// judgeToken returns a Kubeconfig with this credential, and how long the token is good for where
// that can be read: from a JWT's nbf and exp, and from the presigned URL inside of an EKS token.
func judgeToken(token string) (*Kubeconfig, validity, error) {
	token = strings.TrimSpace(token)
	sendable := token != "" && !strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' })
	if !sendable {
		return nil, validity{}, refuse(ReasonTokenInvalid, "The token is empty or holds white space or characters that cannot be sent. Correct the module's output.")
	}
	valid, err := tokenValidity(token)
	if err != nil {
		return nil, validity{}, err
	}
	return &Kubeconfig{Credential: Token, token: token}, valid, nil
}

func tokenValidity(token string) (validity, error) {
	if presigned, is := strings.CutPrefix(token, eksPrefix); is {
		return eksValidity(presigned)
	}
	if segments := strings.Split(token, "."); len(segments) == 3 {
		return jwtValidity(segments[1]), nil
	}
	return validity{}, nil
}

const (
	eksPrefix = "k8s-aws-v1."
	// eksLifetime is how long EKS accepts a token after the date that is signed in it, whatever
	// X-Amz-Expires says (aws-iam-authenticator, pkg/token).
	eksLifetime = 15 * time.Minute
	amzDate     = "20060102T150405Z"
)

func eksValidity(presigned string) (validity, error) {
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(presigned, "="))
	if err == nil {
		if u, err := url.Parse(string(text)); err == nil {
			if date, err := time.Parse(amzDate, u.Query().Get("X-Amz-Date")); err == nil {
				return validity{begins: date, ends: date.Add(eksLifetime)}, nil
			}
		}
	}
	return validity{}, refuse(ReasonTokenInvalid, "The token starts like one of EKS but holds no presigned URL with a date. Correct the module's output.")
}

// jwtValidity reads the claims of a JWT. What is not one is an opaque token with dots.
func jwtValidity(payload string) (valid validity) {
	text, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return validity{}
	}
	var claims struct {
		NotBefore *float64 `json:"nbf"`
		Expires   *float64 `json:"exp"`
	}
	if json.Unmarshal(text, &claims) != nil {
		return validity{}
	}
	return validity{begins: claimTime(claims.NotBefore), ends: claimTime(claims.Expires)}
}

// claimTime reads seconds since 1970. What lies past the year 9999 is as good as never.
func claimTime(seconds *float64) time.Time {
	const year9999 = 253402300799
	if seconds == nil || *seconds > year9999 {
		return time.Time{}
	}
	return time.Unix(int64(max(*seconds, 0)), 0).UTC()
}
