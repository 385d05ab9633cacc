package contract

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// maxText bounds what is looked at: no Kubernetes Secret can hold more.
const maxText = 1 << 20

// An expectation says what the text behind a contract name has to be.
type expectation struct {
	// what completes "expected …" in a message.
	what string
	// read returns the value in its plain form; ok is false if the text is something else.
	read func(text string) (plain []byte, ok bool)
}

var expected = map[string]expectation{
	NameKubeconfig:           {"the text of a kubeconfig, YAML or JSON, plain or base64", plainOrBase64(isKubeconfig)},
	NameEndpoint:             {"https://host[:port] or host[:port]", readEndpoint},
	NameClusterCACertificate: {"PEM certificates, plain or base64", plainOrBase64(isPEM("CERTIFICATE"))},
	NameClientCertificate:    {"PEM certificates, plain or base64", plainOrBase64(isPEM("CERTIFICATE"))},
	NameClientKey:            {"a PEM private key, plain or base64", plainOrBase64(isPEM("PRIVATE KEY"))},
	NameToken:                {"a bearer token without white space, plain", readToken},
	NameKubernetesVersion:    {"a Kubernetes version such as v1.34.1", readVersion},
	NameExpiration:           {"a time such as 2026-01-02T15:04:05Z (RFC 3339)", readTime},
}

// plainOrBase64 is the rule for encodings: the text itself if it is what was expected, else what
// its base64 form holds if that is.
func plainOrBase64(is func([]byte) bool) func(string) ([]byte, bool) {
	return func(text string) ([]byte, bool) {
		if plain := []byte(text); is(plain) {
			return plain, true
		}
		decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
		return decoded, err == nil && is(decoded)
	}
}

// Written out, YAML aliases can make gigabytes of a small text. In UTF-16 there is a NUL beside
// each character.
var (
	anchor = regexp.MustCompile(`&\x00?[\w-]`)
	alias  = regexp.MustCompile(`\*\x00?[\w-]`)
)

// isKubeconfig recognises a kubeconfig without judging it. One that may have aliases, which package
// kubeconfig refuses, is recognised by its words instead of being parsed.
func isKubeconfig(text []byte) bool {
	if len(text) > maxText {
		return false
	}
	if anchor.Match(text) && alias.Match(text) {
		return bytes.Contains(text, []byte("clusters")) && bytes.Contains(text, []byte("users"))
	}
	var config struct {
		Clusters []any `json:"clusters"`
		Users    []any `json:"users"`
	}
	return yaml.Unmarshal(text, &config) == nil && config.Clusters != nil && config.Users != nil
}

// isPEM recognises text with a PEM block whose type ends in the given words.
func isPEM(typeSuffix string) func([]byte) bool {
	return func(text []byte) bool {
		if len(text) > maxText || !bytes.Contains(text, []byte("-----BEGIN ")) {
			return false
		}
		for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
			if strings.HasSuffix(block.Type, typeSuffix) {
				return true
			}
		}
		return false
	}
}

// readEndpoint returns https://host[:port][/path]; a bare IPv6 address gets its brackets.
func readEndpoint(text string) ([]byte, bool) {
	text = strings.TrimSpace(text)
	if !strings.Contains(text, "://") {
		if ip := net.ParseIP(text); ip != nil && strings.Contains(text, ":") {
			text = "[" + text + "]"
		}
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return nil, false
	}
	return []byte(text), true
}

func readToken(text string) ([]byte, bool) {
	text = strings.TrimSpace(text)
	return []byte(text), text != "" && len(text) <= maxText && !strings.ContainsFunc(text, func(r rune) bool {
		return r <= ' ' || r > '~'
	})
}

func readTime(text string) ([]byte, bool) {
	text = strings.TrimSpace(text)
	_, err := time.Parse(time.RFC3339, text)
	return []byte(text), err == nil
}

var versionPattern = regexp.MustCompile(`^v?[0-9]+\.[0-9]+(\.[0-9]+)?([-+.][0-9A-Za-z.+-]+)?$`)

func readVersion(text string) ([]byte, bool) {
	text = strings.TrimSpace(text)
	return []byte(text), len(text) <= 100 && versionPattern.MatchString(text)
}
