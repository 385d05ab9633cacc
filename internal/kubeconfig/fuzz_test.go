package kubeconfig

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/yaml"
)

// FuzzFile: whatever a whole kubeconfig holds, it is refused in our own words, or published without
// anything but its judged parts.
func FuzzFile(f *testing.F) {
	for _, file := range fileSeeds() {
		f.Add(file, false, int32(0), int32(0))
		f.Add(file, true, int32(-60), int32(60))
	}
	f.Fuzz(func(t *testing.T, file []byte, insecure bool, made, ends int32) {
		expectJudged(t, Candidate{Kubeconfig: file, AllowInsecure: insecure, Made: inSeconds(made), Ends: inSeconds(ends)})
	})
}

// inSeconds is a time after or before now; at 0 it is not known.
func inSeconds(seconds int32) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return now.Add(time.Duration(seconds) * time.Second)
}

// FuzzParts is FuzzFile for parts.
func FuzzParts(f *testing.F) {
	add := func(server, name string, ca, certificate, key []byte, token string) {
		f.Add(server, name, ca, certificate, key, token, false, int32(0), int32(0))
		f.Add(server, name, ca, certificate, key, token, true, int32(-60), int32(60))
	}
	add("https://h:6443", "", pki.ca, pki.certificate, pki.key, "")
	add("https://[fd00::1]:6443", "kubernetes.default", append([]byte("CA:\n"), pki.ca...), []byte(nil), []byte(nil), eks(presigned(now)))
	add("HTTPS://H/%2e/ü", "10.0.0.1", []byte(" "), []byte(nil), []byte(nil), jwt(`{"nbf":1,"exp":1e300}`))
	add("https://u@h?q#f", "h:1", []byte("x"), bytes.Clone(pki.key), pki.key, eks("https://h/?X-Amz-Date=x"))
	add("https://h", "", []byte(nil), pki.certificate, bytes.ReplaceAll(pki.key, []byte("PRIVATE KEY"), []byte("X-PRIVATE KEY")), "t")
	add("https://h", "", []byte(nil), pki.certificate, append(encode("EC PARAMETERS", []byte{6}), pki.key...), " t\n")
	add("https://h", "", pki.ca, pki.certificate, pkcs8(newKey()), "")
	add("https://h", "", pki.ca[1:], []byte(nil), []byte(nil), "hush hush")
	add("https://h", "", pki.ca, []byte(nil), []byte(nil), eks(presigned(now.Add(past))))
	f.Fuzz(func(t *testing.T, server, name string, ca, certificate, key []byte, token string, insecure bool, made, ends int32) {
		expectJudged(t, Candidate{AllowInsecure: insecure, Made: inSeconds(made), Ends: inSeconds(ends),
			Parts: Parts{Server: server, TLSServerName: name,
				CACertificate: ca, ClientCertificate: certificate, ClientKey: key, Token: token}})
	})
}

func fileSeeds() [][]byte {
	withToken := func(token string) []byte {
		return file(func(c, u, _ map[string]any) {
			clear(u)
			u["token"] = token
			delete(c, "certificate-authority-data")
		})
	}
	plain := withToken("hush-hush")
	asJSON := must(yaml.YAMLToJSON(plain))
	return [][]byte{
		file(nil), plain, asJSON, withToken(jwt(`{"exp":1767323046}`)), withToken(eks(presigned(now))),
		append([]byte("\xef\xbb\xbf"), plain...),
		bytes.ReplaceAll(plain, []byte("\n"), []byte("\r\n")),
		slices.Concat([]byte("---\n"), plain, []byte("...\n---\n"), file(nil)),
		slices.Concat(plain, []byte("users:\n- name: u\n  user: {exec: {command: hush-hush}}\n")),
		slices.Concat(plain, []byte("Users:\n- name: u\n  user: {username: hush-hush, as: hush-hush}\n")),
		bytes.Replace(asJSON, []byte(`"server"`), []byte(`"proxy-url":"http://hush-hush","Server":"http://hush-hush","server"`), 1),
		[]byte("a: &a [*a]\nclusters: *a"),
		[]byte("clusters: [{name: &c c, cluster: {server: &s 'https://h'}}]\nusers: [{name: *c, user: {token: *s}}]\ncontexts: [{name: *c, context: {cluster: *c, user: *c}}]\n"),
		aliasBomb(),
		file(func(c, _, _ map[string]any) { c["insecure-skip-tls-verify"] = true }),
		[]byte("hush-hush"), []byte("clusters: [hush-hush"), bytes.Replace(plain, []byte("https://h"), []byte("hush-hush"), 1),
		file(func(c, u, f map[string]any) {
			u["exec"], u["as"], u["username"], u["tokenFile"] = map[string]any{"command": "hush-hush"}, "hush-hush", "hush-hush", "/hush-hush"
			u["auth-provider"] = map[string]any{"name": "hush-hush"}
			c["insecure-skip-tls-verify"], c["certificate-authority"], c["proxy-url"] = true, "/hush-hush", "http://hush-hush"
			f["extensions"] = []any{map[string]any{"name": "hush-hush", "extension": map[string]any{"a": 1}}}
		}),
	}
}

// expectJudged checks the promise of this package for a candidate.
func expectJudged(t *testing.T, c Candidate) {
	t.Helper()
	kc, err := Judge(c, now)
	if err != nil {
		var e *Error
		if kc != nil || !errors.As(err, &e) || !slices.Contains(Reasons, e.Reason()) || !isOurs(err.Error()) {
			t.Fatalf("refused as %v, %v", err, kc)
		}
		return
	}
	published, err := kc.Bytes("name")
	if err != nil {
		t.Fatal(err)
	}
	if kc.Insecure && (!c.AllowInsecure || len(c.Kubeconfig) == 0) {
		t.Fatal("insecure, which was not allowed")
	}
	expectLife(t, c, kc.Life)
	expectOnlyParts(t, published, kc.Insecure)
	again, err := Judge(Candidate{Kubeconfig: published, AllowInsecure: kc.Insecure}, now)
	if err != nil {
		t.Fatalf("accepted, but not again: %v", err)
	}
	if twice, err := again.Bytes("name"); err != nil || !bytes.Equal(published, twice) {
		t.Fatalf("not written the same again: %v\n%s", err, twice)
	}
	if _, _, err := Endpoint(kc.Server); err != nil {
		t.Fatal(err)
	}
}

// expectLife checks that a life is not over, not longer than the candidate says, and half over
// before its end.
func expectLife(t *testing.T, c Candidate, l Life) {
	t.Helper()
	if !c.Ends.IsZero() && (l.Expires == nil || l.Expires.After(c.Ends)) {
		t.Fatalf("lives longer than to %s: %+v", c.Ends, l)
	}
	if l.Expires == nil {
		return
	}
	if half := l.HalfLife(); !now.Before(*l.Expires) || l.Issued.Before(*l.Expires) && half.After(*l.Expires) {
		t.Fatalf("half over at %s: %+v", half, l)
	}
}

// expectOnlyParts checks that a client can be made of a published file, and that the file has one
// context with a server, a CA unless it is insecure, and one credential, and nothing else.
func expectOnlyParts(t *testing.T, published []byte, insecure bool) {
	t.Helper()
	config, err := clientcmd.Load(published)
	if err != nil || config.Clusters["name"] == nil || config.AuthInfos["name"] == nil {
		t.Fatalf("not what is expected: %v", err)
	}
	cluster, user := config.Clusters["name"], config.AuthInfos["name"]
	if !strings.HasPrefix(cluster.Server, "https://") || (user.Token == "") == (len(user.ClientCertificateData) == 0) {
		t.Fatal("not an https server with exactly one credential")
	}
	parts := clientcmdapi.NewConfig()
	parts.CurrentContext = "name"
	parts.Clusters["name"] = &clientcmdapi.Cluster{Server: cluster.Server, TLSServerName: cluster.TLSServerName,
		InsecureSkipTLSVerify: insecure}
	if !insecure {
		parts.Clusters["name"].CertificateAuthorityData = cluster.CertificateAuthorityData
	}
	parts.AuthInfos["name"] = &clientcmdapi.AuthInfo{Token: user.Token,
		ClientCertificateData: user.ClientCertificateData, ClientKeyData: user.ClientKeyData}
	parts.Contexts["name"] = &clientcmdapi.Context{Cluster: "name", AuthInfo: "name"}
	if !equality.Semantic.DeepEqual(config, parts) {
		t.Fatalf("there is more in it than the parts:\n%s", published)
	}
	client, err := clientcmd.RESTConfigFromKubeConfig(published)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rest.TLSConfigFor(client); err != nil {
		t.Fatalf("no client can be made of it: %v", err)
	}
}

// isOurs tells whether a message is made of one or two texts that stand in the code of this
// package, and so of nothing of the input.
func isOurs(message string) bool {
	for text := range textsInCode() {
		if rest, ok := strings.CutPrefix(message, text); ok && text != "" && (rest == "" || textsInCode()[rest]) {
			return true
		}
	}
	return false
}

var textsInCode = sync.OnceValue(func() map[string]bool {
	texts := map[string]bool{}
	for _, path := range must(filepath.Glob("*.go")) {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		ast.Inspect(must(parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)), func(node ast.Node) bool {
			if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				texts[must(strconv.Unquote(literal.Value))] = true
			}
			return true
		})
	}
	return texts
})
