package contract

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
)

// FuzzOutputs: whatever a module prints, nothing panics, a refusal has a documented reason, what
// is shown is JSON within its limit, and a sensitive value gets neither into it nor into a message.
func FuzzOutputs(f *testing.F) {
	f.Add([]byte(`{"kubeconfig":{"sensitive":true,"type":"string","value":"clusters: []\nusers: []"}}`), "kubeconfig", 100)
	f.Add([]byte(`{"kube_config":{"type":["list",["object",{"raw":"string"}]],"value":[{"raw":"x"}]}}`), "kube_config[0].raw", 10)
	f.Add([]byte(`{"host":{"value":"h"},"token":{"value":"t"},"vpc_id":{"value":1},"azs":{"value":["a"]}}`), `a["b"]`, 0)
	f.Add([]byte(`{"failure_domains":{"value":{"a":{"control_plane":true}}},"control_plane_endpoint":{"value":"h:1"}}`), "", 50)

	const secret = "hush-hush-secret"
	f.Fuzz(func(t *testing.T, document []byte, path string, limit int) {
		o, err := Decode(document)
		expectReason(t, err)
		if err != nil {
			return
		}
		value, _ := json.Marshal(secret)
		for name := range o {
			if len(name)%2 == 0 {
				o[name] = Output{Sensitive: true, Type: o[name].Type, Value: value}
			}
		}
		_, errMapped := o.ControlPlane(map[string]string{NameKubeconfig: path})
		_, errPlain := o.ControlPlane(nil)
		_, errInfrastructure := o.Infrastructure()
		for _, err := range []error{errMapped, errPlain, errInfrastructure} {
			expectReason(t, err)
			if err != nil && !strings.Contains(string(document)+path, secret) && strings.Contains(err.Error(), secret) {
				t.Fatal("a message quotes a value")
			}
		}
		shown, _ := o.Public(limit)
		if !json.Valid(shown) || len(shown) > max(limit, len("{}")) {
			t.Fatalf("shown: %s", shown)
		}
		if !strings.Contains(string(document), secret) && strings.Contains(string(shown), secret) {
			t.Fatal("a sensitive value is shown")
		}
		o.Values()
	})
}

func expectReason(t *testing.T, err error) {
	t.Helper()
	var e *Error
	if err != nil && (!errors.As(err, &e) || !slices.Contains(Reasons, e.Reason())) {
		t.Fatalf("no documented reason: %v", err)
	}
}
