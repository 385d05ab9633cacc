package e2e

import (
	"strings"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/hack/tools/toolbox"
)

// init installs both providers. clusterctl tries cert-manager first, in a namespace that
// only a controller would take away, and that has to be gone before the next time.
func (s *site) init(args ...string) {
	s.Helper()
	s.clusterctl(append([]string{"init", "--control-plane", "capt", "--infrastructure", "capt"}, args...)...)
	trial := &corev1.Namespace{}
	s.Expect(s.env.Client.Get(s.ctx, client.ObjectKey{Name: "cert-manager-test"}, trial)).To(Succeed())
	trial.Spec.Finalizers = nil
	s.Expect(s.env.Client.SubResource("finalize").Update(s.ctx, trial)).To(Succeed())
}

// installAgain has clusterctl take the managers away, which leaves all else, and
// install them again.
func (s *site) installAgain() {
	s.Helper()
	_, err := s.env.Run(s.ctx, toolbox.Clusterctl, "delete", "--infrastructure", "capt", "--include-crd", "--config", s.config)
	s.Expect(err).To(MatchError(ContainSubstring("found existing objects for provider CRDs")))
	s.expectInstalled("v0.4.1")

	kinds, runs := s.ourCRDs(), s.runs()
	s.clusterctl("delete", "--infrastructure", "capt", "--control-plane", "capt")
	s.expectNoManagers()
	s.Expect(s.ourCRDs()).To(Equal(kinds))
	s.Expect(s.runs()).To(Equal(runs))
	s.expectNodes()
	s.init()
	s.expectInstalled("v0.4.1")
}

// shareNamespace installs both providers in one namespace, where neither waits for
// the other's Lease.
func (s *site) shareNamespace() {
	s.Helper()
	const namespace = "capt-shared"
	s.init("--target-namespace", namespace)
	var shared []client.ObjectKey
	for _, key := range installed {
		shared = append(shared, client.ObjectKey{Namespace: namespace, Name: key.Name})
	}
	stop := s.startManagers(shared)
	s.eventually(func(g Gomega) {
		g.Expect(strings.Fields(s.kubectl("get", "leases", "-n", namespace, "-o", "jsonpath={.items[*].spec.holderIdentity}"))).To(HaveLen(len(shared)))
	})
	stop()
}

// takeOver has clusterctl make the infrastructure provider of an installation of
// config/default.
func (s *site) takeOver() {
	s.Helper()
	// clusterctl leaves these, which would be a conflict.
	s.kubectl("delete", "clusterrole,clusterrolebinding", "capt-manager", "capt-manager-control-plane")
	s.kubectl("apply", "--server-side", "-k", "config/default")
	s.init()
	s.expectInstalled("v0.4.1")
	s.Expect(s.deployment(installed[0]).Spec.Template.Spec.Containers[0].Args).To(ContainElement("--provider=Infrastructure"))
	s.Expect(s.kubectl("get", "deployments", "-n", installed[0].Namespace, "-o", "name")).To(Equal("deployment.apps/capt-manager\n"), "no controller runs twice")
}

// deleteProviders takes CAPT away with its kinds.
func (s *site) deleteProviders() {
	s.Helper()
	s.deleteProvider("--control-plane", controlplanev1.GroupVersion.Group)
	s.deleteProvider("--infrastructure", infrav1.GroupVersion.Group)
	s.expectNoManagers()
	s.Expect(s.ourCRDs()).To(BeEmpty())
}

func (s *site) expectNoManagers() {
	s.Helper()
	s.Expect(s.kubectl("get", "deployments", "-A", "-o", "name")).To(BeEmpty())
}

// deleteProvider deletes a provider with its kinds, and waits until nobody is told
// of those any more: clusterctl fails while it is told of kinds that are gone.
func (s *site) deleteProvider(flag, group string) {
	s.Helper()
	s.clusterctl("delete", flag, "capt", "--include-crd")
	s.eventually(func(g Gomega) {
		g.Expect(s.kubectl("api-resources", "--api-group", group, "-o", "name", "--cached=false")).To(BeEmpty())
	})
}
