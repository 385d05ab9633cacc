package api_test

import (
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// Cluster API waits for a status that nobody writes.
func TestTheAPIServerGivesACAPTNoBootstrapItsStatus(t *testing.T) {
	g := NewWithT(t)
	object := parse(t, []byte("{apiVersion: infrastructure.cluster.x-k8s.io/v1beta1, kind: CAPTNoBootstrap, metadata: {name: none}}"))
	object.SetNamespace(env.Namespace(t))
	g.Expect(env.Client.Create(t.Context(), object)).To(Succeed())
	expect := func() {
		t.Helper()
		read := &infrav1.CAPTNoBootstrap{}
		g.Expect(env.Client.Get(t.Context(), client.ObjectKeyFromObject(object), read)).To(Succeed())
		g.Expect(read.Status.Initialization.DataSecretCreated).To(HaveValue(BeTrue()))
		g.Expect(read.Status.DataSecretName).To(HaveValue(BeEmpty()))
	}
	expect()

	object.SetLabels(map[string]string{"a": "b"})
	g.Expect(env.Client.Update(t.Context(), object)).To(Succeed())
	expect()
}

const captNoBootstrapTemplate = `
apiVersion: infrastructure.cluster.x-k8s.io/v1beta1
kind: CAPTNoBootstrapTemplate
`

func TestCAPTNoBootstrapTemplate(t *testing.T) {
	check(t, captNoBootstrapTemplate, map[string]try{
		"minimal":     {},
		"with a spec": {set: "spec: {template: {}}", refused: `unknown field "spec"`},
	})
}
