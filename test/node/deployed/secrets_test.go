package deployed

import (
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/captproject/capt/internal/runner"
	"github.com/captproject/capt/internal/tfstate"
)

// prying is a part of a module that tries to get at Secrets of the namespace with
// the token of its pod.
func (s *sandbox) prying(secrets ...string) string {
	s.Helper()
	api := apiServer(s.TB)
	return fmt.Sprintf(`
resource "terraform_data" "prying" {
  provisioner "local-exec" {
    interpreter = ["%s", "pry"]
    command     = "%s/report"
    environment = {
      KUBERNETES_SERVICE_HOST = "%s"
      KUBERNETES_SERVICE_PORT = "%s"
      NAMESPACE               = "%s"
      SECRETS                 = "%s"
    }
  }
}
`, handProgram, s.site.url, api.Hostname(), api.Port(), s.ns, strings.Join(secrets, " "))
}

func TestAModuleCannotReadTheSecretsOfItsNeighbours(t *testing.T) {
	s := newSandbox(t)
	s.create(&corev1.Secret{
		ObjectMeta: metav1Of("password"), StringData: map[string]string{"password": "secret"},
	})
	neighbour := s.apply("neighbour", s.thing("first"))
	list := &corev1.SecretList{}
	s.Expect(shared.Client.List(t.Context(), list, client.InNamespace(s.ns))).To(Succeed())
	var names []string
	for _, secret := range list.Items {
		names = append(names, secret.Name)
	}
	state := tfstate.SecretName(tfstate.Suffix(s.ns, neighbour.Name))
	s.Expect(names).To(ContainElements("password", state, runner.OutputsName(neighbour.Name), HavePrefix("neighbour-inputs-")))

	const own = "curious"
	curious := s.apply(own, s.prying(append(names, runner.OutputsName(own), tfstate.SecretName(tfstate.Suffix(s.ns, own)))...))
	expected := []string{
		"list: Forbidden", "create: Forbidden",
		// The token is good.
		"get " + runner.OutputsName(own) + ": ", "get " + tfstate.SecretName(tfstate.Suffix(s.ns, own)) + ": ",
	}
	for _, name := range names {
		expected = append(expected, "get "+name+": Forbidden")
	}
	s.Expect(strings.Split(s.site.what("report"), "\n")).To(ConsistOf(expected))
	s.endsInNothing(neighbour, curious)
}
