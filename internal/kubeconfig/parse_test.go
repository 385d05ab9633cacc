package kubeconfig

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"testing"
	"unicode/utf16"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"
)

func TestWholeFileAccepted(t *testing.T) {
	entry := func(name string, value any) map[string]any { return map[string]any{"name": name, "cluster": value} }
	for name, change := range map[string]func(cluster, user, config map[string]any){
		"as it is":                   nil,
		"without kind and version":   func(_, _, f map[string]any) { delete(f, "kind"); delete(f, "apiVersion") },
		"its only context":           func(_, _, f map[string]any) { delete(f, "current-context") },
		"a certificate and a token":  func(_, u, _ map[string]any) { u["token"] = "hush-hush" },
		"empty exec and paths":       func(c, u, _ map[string]any) { u["exec"] = nil; u["tokenFile"] = ""; c["certificate-authority"] = "" },
		"verification is not turned": func(c, _, _ map[string]any) { c["insecure-skip-tls-verify"] = false },
		"a cluster beside it": func(_, _, f map[string]any) {
			f["clusters"] = append(f["clusters"].([]any), entry("other", map[string]any{"server": "http://x"}))
		},
		"fields nobody knows": func(c, u, f map[string]any) {
			c["new"] = 1
			u["new"] = 2
			f["new"] = 3
			f["preferences"] = map[string]any{}
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			kc := expectAccepted(t, Candidate{Kubeconfig: file(change)})
			want, err := Judge(parts(nil), now)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(kc).To(Equal(want), "a file and its parts are the same")
		})
	}
}

func TestJSONIsAccepted(t *testing.T) {
	g := NewWithT(t)
	text, err := yaml.YAMLToJSON(file(nil))
	g.Expect(err).NotTo(HaveOccurred())
	var indented bytes.Buffer
	g.Expect(json.Indent(&indented, text, "", "\t")).To(Succeed())
	expectAccepted(t, Candidate{Kubeconfig: indented.Bytes()})
}

func TestWholeFileWinsOverParts(t *testing.T) {
	c := parts(func(p *Parts) { p.Server = "http://not-looked-at" })
	c.Kubeconfig = file(nil)
	NewWithT(t).Expect(expectAccepted(t, c).Server).To(Equal("https://h:6443"))
}

func TestWholeFileRefused(t *testing.T) {
	twice := func(key string) func(_, _, f map[string]any) {
		return func(_, _, f map[string]any) { f[key] = append(f[key].([]any), f[key].([]any)[0]) }
	}
	for name, tc := range map[string]struct {
		change func(cluster, user, config map[string]any)
		reason string
	}{
		"another kind":         {func(_, _, f map[string]any) { f["kind"] = "Secret" }, ReasonUnreadable},
		"another version":      {func(_, _, f map[string]any) { f["apiVersion"] = "v2" }, ReasonUnreadable},
		"data is not base64":   {func(_, u, _ map[string]any) { u["client-key-data"] = "hush-hush!" }, ReasonUnreadable},
		"wrong type":           {func(c, _, _ map[string]any) { c["server"] = []any{"hush-hush"} }, ReasonUnreadable},
		"no context":           {func(_, _, f map[string]any) { delete(f, "contexts") }, ReasonContextInvalid},
		"context of no name":   {func(_, _, f map[string]any) { f["current-context"] = "hush-hush" }, ReasonContextInvalid},
		"context twice":        {twice("contexts"), ReasonContextInvalid},
		"cluster twice":        {twice("clusters"), ReasonContextInvalid},
		"user twice":           {twice("users"), ReasonContextInvalid},
		"none of two contexts": {func(a, b, f map[string]any) { delete(f, "current-context"); twice("contexts")(a, b, f) }, ReasonContextInvalid},
		"no current one of two": {func(_, _, f map[string]any) {
			delete(f, "current-context")
			f["contexts"] = append(f["contexts"].([]any), map[string]any{"name": "y", "context": map[string]any{"cluster": "c", "user": "u"}})
		}, ReasonContextInvalid},
		"no context, and no names": {func(_, _, f map[string]any) {
			delete(f, "contexts")
			for _, key := range []string{"clusters", "users"} {
				f[key].([]any)[0].(map[string]any)["name"] = ""
			}
		}, ReasonContextInvalid},
		"no cluster": {func(_, _, f map[string]any) { f["clusters"] = []any{} }, ReasonContextInvalid},
		"no user":    {func(_, _, f map[string]any) { f["users"] = []any{} }, ReasonContextInvalid},

		"insecure":              {func(c, _, _ map[string]any) { c["insecure-skip-tls-verify"] = true }, ReasonInsecureRefused},
		"proxy":                 {func(c, _, _ map[string]any) { c["proxy-url"] = "http://hush-hush" }, ReasonProxyRefused},
		"CA file":               {func(c, _, _ map[string]any) { c["certificate-authority"] = "/hush-hush" }, ReasonFilePathRefused},
		"certificate file":      {func(_, u, _ map[string]any) { u["client-certificate"] = "/hush-hush" }, ReasonFilePathRefused},
		"key file":              {func(_, u, _ map[string]any) { u["client-key"] = "/hush-hush" }, ReasonFilePathRefused},
		"token file":            {func(_, u, _ map[string]any) { u["tokenFile"] = "/hush-hush" }, ReasonFilePathRefused},
		"exec":                  {func(_, u, _ map[string]any) { u["exec"] = map[string]any{"command": "hush-hush"} }, ReasonExecRefused},
		"exec in another case":  {func(_, u, _ map[string]any) { u["EXEC"] = map[string]any{} }, ReasonExecRefused},
		"auth provider":         {func(_, u, _ map[string]any) { u["auth-provider"] = map[string]any{"name": "gcp"} }, ReasonAuthProviderRefused},
		"user name":             {func(_, u, _ map[string]any) { u["username"] = "hush-hush" }, ReasonBasicAuthRefused},
		"password":              {func(_, u, _ map[string]any) { u["password"] = "hush-hush" }, ReasonBasicAuthRefused},
		"as":                    {func(_, u, _ map[string]any) { u["as"] = "hush-hush" }, ReasonImpersonationRefused},
		"as-uid":                {func(_, u, _ map[string]any) { u["as-uid"] = "hush-hush" }, ReasonImpersonationRefused},
		"as-groups":             {func(_, u, _ map[string]any) { u["as-groups"] = []any{"hush-hush"} }, ReasonImpersonationRefused},
		"as-user-extra":         {func(_, u, _ map[string]any) { u["as-user-extra"] = map[string]any{"a": []any{"b"}} }, ReasonImpersonationRefused},
		"no credential":         {func(_, u, _ map[string]any) { clear(u) }, ReasonCredentialMissing},
		"no server":             {func(c, _, _ map[string]any) { delete(c, "server") }, ReasonServerInvalid},
		"TLS name is no host":   {func(c, _, _ map[string]any) { c["tls-server-name"] = "hush-hush/x" }, ReasonTLSServerNameInvalid},
		"TLS name with a space": {func(c, _, _ map[string]any) { c["tls-server-name"] = " " }, ReasonTLSServerNameInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			expectRefused(t, Candidate{Kubeconfig: file(tc.change)}, tc.reason)
		})
	}
}

// inUTF16 is with a byte order mark, without which it is not known to be UTF-16.
func inUTF16(text string) string {
	var encoded []byte
	for _, unit := range utf16.Encode([]rune("\ufeff" + text)) {
		encoded = binary.LittleEndian.AppendUint16(encoded, unit)
	}
	return string(encoded)
}

func TestEveryUnicodeIsAccepted(t *testing.T) {
	for _, text := range []string{"\ufeff" + string(file(nil)), inUTF16(string(file(nil)))} {
		expectAccepted(t, Candidate{Kubeconfig: []byte(text)})
	}
}

// The characters of aliases mean nothing by themselves.
func TestNoAliases(t *testing.T) {
	for _, comment := range []string{"# a & b * c\n", "# &a\n", "# *a\n"} {
		expectAccepted(t, Candidate{Kubeconfig: append([]byte(comment), file(nil)...)})
	}
}

func TestNoFileAtAll(t *testing.T) {
	for name, tc := range map[string]struct{ text, reason string }{
		"plain text":      {"hush-hush", ReasonUnreadable},
		"broken YAML":     {"clusters: [hush-hush", ReasonUnreadable},
		"a list":          {"- hush-hush", ReasonUnreadable},
		"empty YAML":      {"{}", ReasonContextInvalid},
		"aliases":         {string(aliasBomb()), ReasonUnreadable},
		"aliases, UTF-16": {inUTF16(string(aliasBomb())), ReasonUnreadable},
		"too large":       {"# " + string(bytes.Repeat([]byte("hush-hush"), maxFile/9+1)), ReasonTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			expectRefused(t, Candidate{Kubeconfig: []byte(tc.text)}, tc.reason)
		})
	}
}
