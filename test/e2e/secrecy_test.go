package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilrand "k8s.io/apimachinery/pkg/util/rand"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

func TestNoSecretIsShown(t *testing.T) {
	t.Parallel()
	password := utilrand.String(20) + `"/\` + utilrand.String(4)
	for name, module := range map[string]string{
		"that a provisioner prints": `
resource "terraform_data" "leak" {
  provisioner "local-exec" {
    command     = "echo password is $PASSWORD; echo \"$PASSWORD\" >&2; exit 1"
    environment = { PASSWORD = var.password }
  }
}
`,
		"that an error quotes": `
resource "terraform_data" "leak" {
  lifecycle {
    precondition {
      condition     = length(var.password) < 3
      error_message = "the password ${var.password} is too long"
    }
  }
}
`,
		"that a function refuses": `
output "leak" {
  value = tonumber(var.password)
}
`,
		"that a validation quotes": `
variable "validated" {
  default = null
  validation {
    condition     = length(var.password) < 3
    error_message = "bad: ${var.password}"
  }
}
`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			p := s.cheapParts()
			s.create(ownSecret("password", "password", password))
			p.module().Env = append(p.module().Env, infrav1.EnvVar{
				Name: "TF_VAR_password", SecretKeyRef: &infrav1.KeyReference{Name: "password", Key: "password"},
			})
			good := cheapModule + "variable \"password\" {\n type = string\n}\n"
			p.module().Module = good + module
			s.start(p)
			s.eventually(func(g Gomega) {
				g.Expect(s.runs()).NotTo(BeEmpty())
				g.Expect(s.runs()[0].Status.Phase).To(Equal(infrav1.RunFailed))
				g.Expect(s.apply(g, p)).To(hasCondition(infrav1.AppliedCondition, metav1.ConditionFalse, ""))
				g.Expect(s.warnings()).NotTo(BeEmpty())
			})
			token := s.secret(credentialName).Data[credentialKey]
			token = token[bytes.Index(token, []byte("eyJ")):]
			secrets := []string{password, strings.TrimSpace(string(token))}
			s.expectNowhere(secrets...)

			s.change(p.template, func() { p.module().Module = good })
			s.awaitReady(p)
			s.expectNowhere(secrets...)
		})
	}
}

// expectNowhere asserts that no object but a Secret, and no log, has one of the
// values, in plain, quoted or base64.
func (s *sandbox) expectNowhere(values ...string) {
	s.Helper()
	texts := map[string][]byte{}
	lists := append(ourLists(), &infrav1.WorkspaceTemplateList{}, &clusterv1.ClusterList{},
		&eventsv1.EventList{}, &coordinationv1.LeaseList{}, &corev1.ConfigMapList{})
	s.each(lists, func(object client.Object) {
		text, err := json.Marshal(object)
		s.Expect(err).NotTo(HaveOccurred())
		texts[fmt.Sprintf("%T %s", object, object.GetName())] = text
	})
	logs, err := filepath.Glob(filepath.Join(env.LogDir, "*"))
	s.Expect(err).NotTo(HaveOccurred())
	s.Expect(logs).NotTo(BeEmpty())
	for _, path := range logs {
		text, err := os.ReadFile(path)
		s.Expect(err).NotTo(HaveOccurred())
		texts[path] = text
	}
	for _, value := range values {
		quoted, err := json.Marshal(value)
		s.Expect(err).NotTo(HaveOccurred())
		for _, form := range []string{value, strings.Trim(string(quoted), `"`), base64.StdEncoding.EncodeToString([]byte(value))} {
			for where, text := range texts {
				s.Expect(bytes.Contains(text, []byte(form))).To(BeFalse(), "a secret is shown in %s", where)
			}
		}
	}
}
