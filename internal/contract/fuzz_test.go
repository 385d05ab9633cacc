package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
)

// canary is put into values. No message and, if the value is sensitive, no document may hold it.
const canary = "hush-hush-secret"

// FuzzOutputs: whatever a module prints, nothing panics, a refusal has a documented reason and
// quotes no value, what is given is a kubeconfig or its parts, and what is shown is JSON within
// its limit that holds no credential.
func FuzzOutputs(f *testing.F) {
	for _, seed := range outputsSeeds() {
		f.Add([]byte(seed.document), seed.name, seed.path, 1000)
	}
	f.Add([]byte(`{"kubeconfig":{"sensitive":true,"type":"string","value":"clusters: []\nusers: []"}}`), "", "", 0)

	f.Fuzz(func(t *testing.T, document []byte, name, path string, limit int) {
		o, err := Decode(document)
		expectReason(t, err)
		if err != nil {
			return
		}
		o.Values()
		expectShown(t, o, limit)
		expectRead(t, o, name, path)
		if bytes.Contains(document, []byte(canary)) || strings.Contains(name+path, canary) {
			return // a name may be quoted
		}
		for _, spoil := range []func(text string) string{
			func(string) string { return canary },
			func(text string) string { return canary + text },
			func(text string) string { return text + canary },
		} {
			spoilt := o.withTexts(spoil)
			expectRead(t, spoilt, name, path)
			for name, output := range spoilt {
				spoilt[name] = Output{Sensitive: true, Type: output.Type, Value: output.Value}
			}
			expectShown(t, spoilt, limit)
		}
	})
}

type outputsSeed struct{ document, name, path string }

func outputsSeeds() []outputsSeed {
	value := func(name, text string) string {
		quoted, _ := json.Marshal(text)
		return `{"` + name + `":{"type":"string","value":` + string(quoted) + `}}`
	}
	return []outputsSeed{
		{value("kubeconfig", kubeconfigYAML), "", ""},
		{value("kubeconfig", "\ufeff"+strings.ReplaceAll(kubeconfigYAML, "\n", "\r\n")), "", ""},
		{value("kubeconfig", `{"users":[],"clusters":[],"users":[1]}`), "", ""},
		{value("kube_config_raw", b64(kubeconfigYAML)), "", ""},
		{value("mine", "---\nclusters: []\nusers: []\n---\nother: document\n"), "kubeconfig", "mine"},
		{value("mine", "a: &a [*a]\nclusters: &b [x]\nusers: *b\n<<: *a"), "kubeconfig", "mine"},
		{value("mine", aliased), "kubeconfig", "mine"},
		{value("mine", "Users: [{user: {token: x}}]\nCLUSTERS: []\n"), "endpoint", "mine"},
		{value("mine", " \n"+keyPEM), "client_key", "mine"},
		{value("mine", " k8s-aws-v1.x"), "token", "mine"},
		{value("mine", "\teyJh.e30.c2ln\n"), "token", "mine"},
		{`{"kube_config":{"type":["list",["object",{"raw":"string"}]],"value":[{"raw":"x"}]}}`, "kubeconfig", "kube_config[0].raw"},
		{`{"o":{"type":["object",{"a":"string","b":["tuple",["bool"]]}],"value":{"a":"x","token":"a","token":null,"b":[true]}}}`, "token", `o["a"]`},
		{`{"o":{"value":[1e999,-0,{"client_key":"x","":{"k8s-aws-v1.":1}}]}}`, "kubernetes_version", "o.0"},
		{`{"host":{"value":"h"},"token":{"value":"t"},"vpc_id":{"value":1},"azs":{"value":["a"]},"version":{"value":"v1.2"}}`, "", ""},
		{`{"endpoint":{"value":"fd00::1"},"client_certificate":{"value":""},"ca_certificate":{"value":"x"}}`, "", ""},
		{`{"failure_domains":{"value":{"a":{"control_plane":true}}},"control_plane_endpoint":{"value":"h:1"}}`, "unknown", "["},
	}
}

// withTexts returns outputs in whose values every text is changed, and nothing else.
func (o Outputs) withTexts(change func(string) string) Outputs {
	changed := Outputs{}
	for name, output := range o {
		if value, ok := decode(output.Value); ok {
			text, _ := json.Marshal(changeTexts(value, change)) // it was JSON
			changed[name] = Output{Sensitive: output.Sensitive, Type: output.Type, Value: text}
		}
	}
	return changed
}

func changeTexts(value any, change func(string) string) any {
	switch value := value.(type) {
	case string:
		return change(value)
	case []any:
		for i := range value {
			value[i] = changeTexts(value[i], change)
		}
	case map[string]any:
		for name := range value {
			value[name] = changeTexts(value[name], change)
		}
	}
	return value
}

// expectRead reads the outputs in every way, and checks what comes of it.
func expectRead(t *testing.T, o Outputs, name, path string) {
	t.Helper()
	for _, mapping := range []map[string]string{nil, {name: path}} {
		plane, err := o.ControlPlane(mapping)
		expectReason(t, err)
		whole := len(plane.Kubeconfig) > 0
		certificate, key := len(plane.ClientCertificate) > 0, len(plane.ClientKey) > 0
		parts := plane.Endpoint != "" && certificate == key && (plane.Token != "" || certificate)
		none := plane.Endpoint == "" && plane.Token == "" && !certificate && !key && len(plane.CACertificate) == 0
		good := whole && none || parts && !whole
		if err != nil {
			good = none && !whole
		}
		if !good {
			t.Fatalf("neither a kubeconfig nor its parts: %v", err)
		}
	}
	_, err := o.Infrastructure()
	expectReason(t, err)
	_, err = o.MachinePool()
	expectReason(t, err)
}

// expectReason checks that an error has a documented reason and does not quote the canary.
func expectReason(t *testing.T, err error) {
	t.Helper()
	var e *Error
	if err != nil && (!errors.As(err, &e) || !slices.Contains(Reasons, e.Reason())) {
		t.Fatalf("no documented reason: %v", err)
	}
	if err != nil && strings.Contains(err.Error(), canary) {
		t.Fatalf("a message quotes a value: %v", err)
	}
}

// expectShown checks what is shown of the outputs: that a reader sees all that is in it, and finds
// no credential.
func expectShown(t *testing.T, o Outputs, limit int) {
	t.Helper()
	shown, omitted := o.Public(limit)
	value, ok := decode(shown)
	again, err := json.Marshal(value)
	if !ok || err != nil || !bytes.Equal(shown, again) || len(shown) > max(limit, len("{}")) {
		t.Fatalf("not JSON that is read as it is written, within %d bytes: %s", limit, shown)
	}
	if isCredential("", value) || bytes.Contains(shown, []byte("PRIVATE KEY-----")) {
		t.Fatalf("a credential is shown: %s", shown)
	}
	for name, output := range o {
		if _, is := value.(map[string]any)[name]; output.Sensitive && (is || slices.Contains(omitted, name)) {
			t.Fatalf("the sensitive %q is shown", name)
		}
	}
}
