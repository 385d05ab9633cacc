package kubeconfig_test

import (
	"cmp"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/captproject/capt/internal/contract"
	"github.com/captproject/capt/internal/kubeconfig"
)

// shape is what the outputs of a well-known module or provider look like, and what becomes of it.
type shape struct {
	// server is a URL as the provider makes them, token has the form of the provider's tokens.
	server, token string
	// rsa tells that the client's key is one of RSA.
	rsa     bool
	outputs func(c cluster) outputs
	// mapping is spec.outputs.
	mapping map[string]string

	// works is the credential that opens the cluster.
	works kubeconfig.Credential
	// publiclyTrusted: the shape has no CA, so only a server with a public certificate is trusted.
	publiclyTrusted bool
	version         string
	// expires is when the credential ends, by the word of an output.
	expires *time.Time
	// refused is the reason why there is no kubeconfig.
	refused string
}

// TestProviders takes what modules and providers print the whole way to a client that works.
func TestProviders(t *testing.T) {
	for provider, shapes := range map[string]map[string]shape{
		"EKS": eks(), "GKE": gke(), "AKS": aks(),
		"DigitalOcean": digitalOcean(), "Linode": linode(), "Civo": civo(), "Scaleway": scaleway(), "OVH": ovh(),
		"kind": kind(), "k3d": k3d(), "Talos": talos(), "RKE2": rke2(), "Rancher": rancher(), "RKE": rke(),
	} {
		for name, s := range shapes {
			t.Run(provider+"/"+name, s.test)
		}
	}
}

// of gives shapes the server and the form of tokens of their provider, where they have none of their own.
func of(server, token string, shapes map[string]shape) map[string]shape {
	for name, s := range shapes {
		s.server, s.token = cmp.Or(s.server, server), cmp.Or(s.token, token)
		shapes[name] = s
	}
	return shapes
}

func (s shape) test(t *testing.T) {
	g := NewWithT(t)
	key := newKey(t)
	if s.rsa {
		key = rsaKey()
	}
	c := newCluster(t, s.server, s.token, key)
	kc, version, err := judge(s.outputs(c).document(t), s.mapping)
	if s.refused != "" {
		g.Expect(reason(err)).To(Equal(s.refused), "%v", err)
		g.Expect(kc).To(BeNil())
		return
	}
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(version).To(Equal(s.version))
	if s.expires != nil {
		g.Expect(kc.Expires).To(Equal(s.expires))
	}
	published, err := kc.Bytes("one")
	g.Expect(err).NotTo(HaveOccurred())

	// Nothing gets to a server that has the right name and a certificate of another CA.
	expectUntouched(t, startAPIServer(t, c, newAuthority(t)), published)
	own := startAPIServer(t, c, c.authority)
	if s.publiclyTrusted {
		expectUntouched(t, own, published)
		return
	}
	g.Expect(own.whoAmI(t, published)).To(Equal(s.works))

	// The server does tell a credential from another.
	other := newCluster(t, s.server, "another-token", newKey(t))
	_, err = startAPIServer(t, other, c.authority).whoAmI(t, published)
	g.Expect(apierrors.IsUnauthorized(err)).To(BeTrue(), "%v", err)
}

// judge goes from outputs to what may be published, and the version that the module tells.
func judge(document []byte, mapping map[string]string) (kc *kubeconfig.Kubeconfig, version string, err error) {
	o, err := contract.Decode(document)
	if err != nil {
		return nil, "", err
	}
	plane, err := o.ControlPlane(mapping)
	if err != nil {
		return nil, "", err
	}
	kc, err = kubeconfig.Judge(kubeconfig.Candidate{Kubeconfig: plane.Kubeconfig, Ends: plane.Expiration, Parts: kubeconfig.Parts{
		Server:            plane.Endpoint,
		CACertificate:     plane.CACertificate,
		ClientCertificate: plane.ClientCertificate,
		ClientKey:         plane.ClientKey,
		Token:             plane.Token,
	}}, time.Now())
	return kc, plane.KubernetesVersion, err
}

func reason(err error) string {
	var e interface{ Reason() string }
	if errors.As(err, &e) {
		return e.Reason()
	}
	return ""
}

// expectUntouched checks that a client connects to the server, does not trust it, and so shows it
// neither a certificate nor a request with a token.
func expectUntouched(t *testing.T, s *apiServer, published []byte) {
	t.Helper()
	g := NewWithT(t)
	_, err := s.whoAmI(t, published)
	var unknown x509.UnknownAuthorityError
	g.Expect(errors.As(err, &unknown)).To(BeTrue(), "%v", err)
	g.Expect(s.dials.Load()).NotTo(BeZero())
	g.Expect(s.greetings.Load()).To(BeZero())
	g.Expect(s.requests.Load()).To(BeZero())
}
