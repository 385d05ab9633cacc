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
	if claims, is := jwtClaims(token); is {
		begins := claims.NotBefore
		if begins == nil {
			begins = claims.IssuedAt
		}
		return validity{begins: claimTime(begins), ends: claimTime(claims.Expires)}, nil
	}
	return validity{opaque: true}, nil
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

// claims are those of a JWT that say how long it is good for, and for whom.
type claims struct {
	Subject   string   `json:"sub"`
	IssuedAt  *float64 `json:"iat"`
	NotBefore *float64 `json:"nbf"`
	Expires   *float64 `json:"exp"`
}

// jwtClaims reads the claims of a JWT. What is not one is an opaque token, with or without dots.
func jwtClaims(token string) (claims, bool) {
	segments := strings.Split(token, ".")
	if len(segments) != 3 {
		return claims{}, false
	}
	text, err := base64.RawURLEncoding.DecodeString(segments[1])
	if err != nil {
		return claims{}, false
	}
	read := &claims{}
	if json.Unmarshal(text, &read) != nil || read == nil {
		return claims{}, false
	}
	return *read, true
}

// claimTime reads seconds since 1970. What lies past the year 9999 is as good as never.
func claimTime(seconds *float64) time.Time {
	const year9999 = 253402300799
	if seconds == nil || *seconds > year9999 {
		return time.Time{}
	}
	return time.Unix(int64(max(*seconds, 0)), 0).UTC()
}
