package runner

import (
	"encoding/base64"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/captproject/capt/internal/tofu"
)

func TestRedactor(t *testing.T) {
	const key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----"
	r := newRedactor()
	r.add("hunter2", "hunter2-and-more", "short", "two\nlines \"quoted\"", `{"token": "AbCdEfGhIjKlMnOpQrStUvWxYz"}`)
	for _, tc := range []struct{ name, text, want string }{
		{"a value", "it is hunter2!", "it is [redacted]!"},
		{"the longer one first", "hunter2-and-more", "[redacted]"},
		{"too short to be one", "short", "short"},
		{"with its line feeds", "x two\nlines \"quoted\" x", "x [redacted] x"},
		{"escaped", `x "two\nlines \"quoted\"" x`, `x "[redacted]" x`},
		{"in base64", base64.StdEncoding.EncodeToString([]byte("hunter2")), "[redacted]"},
		{"a long word of a file", "token=AbCdEfGhIjKlMnOpQrStUvWxYz", "token=[redacted]"},
		{"a short word of it", "token", "token"},
		{"an unknown key", "x " + key + " x", "x [redacted] x"},
		{"an unknown key, escaped", "x " + strings.ReplaceAll(key, "\n", `\n`) + " x", "x [redacted] x"},
		{"an unknown key, cut off", "x -----BEGIN RSA PRIVATE KEY-----\nMIIE", "x [redacted]"},
		{"a certificate is public", "-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----"},
		{"who fetches a module", `from "git::https://me:pass@example.com/m?ref=v1"`, `from "git::https://[redacted]@example.com/m?ref=v1"`},
		{"a parameter of an address", `"https://example.com/m.zip?archive=zip&token=abc&ref=v1"`, `"https://example.com/m.zip?archive=zip&token=[redacted]&ref=v1"`},
		{"no address", `a = b ? c : d && e == "f"`, `a = b ? c : d && e == "f"`},
		{"an unknown token", "Bearer eyJhbGciOi.eyJzdWIiOi.c2ln_-x", "Bearer [redacted]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			NewWithT(t).Expect(r.clean(tc.text)).To(Equal(tc.want))
		})
	}
}

func TestSummarize(t *testing.T) {
	as := func(s string) string { return s }
	failed := func(summary, detail string) tofu.Diagnostic {
		return tofu.Diagnostic{Severity: tofu.SeverityError, Summary: summary, Detail: detail}
	}
	g := NewWithT(t)
	g.Expect(summarize([]tofu.Diagnostic{
		{Severity: tofu.SeverityWarning, Summary: "harmless"},
		{Severity: tofu.SeverityError, Summary: "It broke", Detail: "because\n\n  of  this", Address: "a.b", Range: &tofu.Range{Filename: "main.tf", Start: tofu.Position{Line: 3}}},
	}, as)).To(Equal("It broke: because of this (a.b, main.tf:3)"))
	g.Expect(summarize([]tofu.Diagnostic{failed("a", ""), failed("b", ""), failed("c", ""), failed("d", ""), failed("e", "")}, as)).
		To(Equal("a; b; c (5 errors in all)"))

	// A secret that is cut would not be recognized any more.
	r := newRedactor()
	r.add(strings.Repeat("s", 50))
	long := summarize([]tofu.Diagnostic{failed("x", strings.Repeat("a", maxDetail-20)+" "+strings.Repeat("s", 50))}, r.clean)
	g.Expect(long).NotTo(ContainSubstring("sss"))
	g.Expect(len(long)).To(BeNumerically("<=", maxDetail+len("x: ")))
}

func TestShorten(t *testing.T) {
	g := NewWithT(t)
	g.Expect(shorten("short", 10)).To(Equal("short"))
	g.Expect(shorten(strings.Repeat("ä", 20), 13)).To(Equal("ääää …"))
}
