// Package api_test shows what the API server accepts and refuses, and that the
// CRDs are what Cluster API and people at a terminal expect.
package api_test

import (
	"context"
	"os"
	"strings"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/captproject/capt/test/envtest"
)

var env envtest.Environment

func TestMain(m *testing.M) { os.Exit(envtest.Run(m, &env)) }

// try is an attempt to create an object, and perhaps to change it then.
type try struct {
	// set is a merge patch, in YAML, of an object that is accepted.
	set string
	// then is a merge patch of what was created. Without one nothing is changed.
	then string
	// refused is part of the message that the last request is refused with; ""
	// if it is accepted.
	refused string
}

// check makes each attempt, beginning with the accepted object.
func check(t *testing.T, accepted string, tries map[string]try) {
	t.Helper()
	namespace := env.Namespace(t)
	for name, try := range tries {
		t.Run(name, func(t *testing.T) {
			object := parse(t, patched(t, []byte(accepted), try.set))
			object.SetNamespace(namespace)
			if object.GetName() == "" {
				object.SetGenerateName("test-")
			}
			err := env.Client.Create(context.Background(), object)
			if try.then != "" {
				NewWithT(t).Expect(err).NotTo(HaveOccurred())
				err = env.Client.Update(context.Background(), parse(t, patched(t, marshal(t, object), try.then)))
			}
			expectAnswer(t, err, try.refused)
		})
	}
}

// expectAnswer checks what the API server said to a request.
func expectAnswer(t *testing.T, err error, refused string) {
	t.Helper()
	switch {
	case refused == "" && err != nil:
		t.Errorf("refused: %v", err)
	case refused != "" && err == nil:
		t.Errorf("accepted, and not refused with %q", refused)
	case refused != "" && !strings.Contains(err.Error(), refused):
		t.Errorf("refused, but not with %q: %v", refused, err)
	case refused != "" && !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err):
		t.Errorf("not refused by validation: %v", err)
	}
}

// patched returns a document changed by a merge patch; both are YAML.
func patched(t *testing.T, document []byte, patch string) []byte {
	t.Helper()
	g := NewWithT(t)
	object, err := yaml.YAMLToJSON(document)
	g.Expect(err).NotTo(HaveOccurred())
	if patch == "" {
		return object
	}
	change, err := yaml.YAMLToJSON([]byte(patch))
	g.Expect(err).NotTo(HaveOccurred())
	object, err = jsonpatch.MergePatch(object, change)
	g.Expect(err).NotTo(HaveOccurred())
	return object
}

func parse(t *testing.T, document []byte) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{}
	NewWithT(t).Expect(yaml.UnmarshalStrict(document, object)).To(Succeed())
	return object
}

func marshal(t *testing.T, object client.Object) []byte {
	t.Helper()
	document, err := yaml.Marshal(object)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return document
}
