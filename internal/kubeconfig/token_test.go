package kubeconfig

import (
	"encoding/base64"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

func jwt(claims string) string {
	b64 := base64.RawURLEncoding.EncodeToString
	return b64([]byte(`{"alg":"RS256"}`)) + "." + b64([]byte(claims)) + "." + b64([]byte("hush-hush"))
}

func eks(url string) string {
	return "k8s-aws-v1." + base64.RawURLEncoding.EncodeToString([]byte(url))
}

func presigned(date time.Time) string {
	return "https://sts.eu-west-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Date=" +
		date.Format(amzDate) + "&X-Amz-Expires=60&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id&X-Amz-Signature=hush-hush"
}

func TestToken(t *testing.T) {
	at := func(d time.Duration) *time.Time { t := now.Add(d); return &t }
	for name, tc := range map[string]struct {
		token   string
		reason  string
		expires *time.Time
	}{
		"opaque":                  {"dop_v1_0123", "", nil},
		"a line break at its end": {"opaque\n", "", nil},
		"opaque with dots":        {"a.b.c", "", nil},
		"three parts, no JSON":    {"a.aHVzaA.c", "", nil},
		"JWT without an end":      {jwt(`{"sub":"x"}`), "", nil},
		"JWT that is null":        {jwt(`null`), "", nil},
		"JWT":                     {jwt(`{"exp":1767323046,"nbf":1767323045}`), "", at(time.Second)},
		"JWT begins soon":         {jwt(`{"nbf":1767323345}`), "", nil},
		"JWT with a fraction":     {jwt(`{"exp":1767323046.9}`), "", at(time.Second)},
		"JWT of all times":        {jwt(`{"exp":1e300}`), "", nil},
		"EKS":                     {eks(presigned(now.Add(-14 * time.Minute))), "", at(time.Minute)},
		"EKS, padded":             {eks(presigned(now)) + "==", "", at(15 * time.Minute)},

		"empty":             {" ", ReasonTokenInvalid, nil},
		"two lines":         {"hush-hush\nx", ReasonTokenInvalid, nil},
		"not ASCII":         {"hush-hush-ü", ReasonTokenInvalid, nil},
		"control character": {"hush-hush\x00", ReasonTokenInvalid, nil},
		"EKS, no base64":    {"k8s-aws-v1.hush-hush!", ReasonTokenInvalid, nil},
		"EKS, no URL":       {eks("hush-hush\x7f"), ReasonTokenInvalid, nil},
		"EKS, no date":      {eks("https://sts.amazonaws.com/?hush-hush"), ReasonTokenInvalid, nil},
		"JWT ended":         {jwt(`{"exp":1767323045}`), ReasonCredentialExpired, nil},
		"JWT of -1":         {jwt(`{"exp":-1e300}`), ReasonCredentialExpired, nil},
		"JWT not begun":     {jwt(`{"nbf":1767323346}`), ReasonCredentialNotYetValid, nil},
		"EKS ended":         {eks(presigned(now.Add(-15 * time.Minute))), ReasonCredentialExpired, nil},
		"EKS not begun":     {eks(presigned(now.Add(ClockSkew + time.Second))), ReasonCredentialNotYetValid, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := parts(func(p *Parts) { p.ClientCertificate, p.ClientKey, p.Token = nil, nil, tc.token })
			if tc.reason != "" {
				expectRefused(t, c, tc.reason)
				return
			}
			g := NewWithT(t)
			kc := expectAccepted(t, c)
			g.Expect(kc.Credential).To(Equal(Token))
			g.Expect(kc.Expires).To(Equal(tc.expires))
		})
	}
}
