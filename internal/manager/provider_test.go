package manager

import (
	"testing"

	. "github.com/onsi/gomega"
)

func TestProvider(t *testing.T) {
	const noTofu = "looking for OpenTofu"
	for name, try := range map[string]struct {
		provider                     providerName
		refused                      string
		infrastructure, controlPlane bool
	}{
		"all":               {provider: providerAll, refused: noTofu, infrastructure: true, controlPlane: true},
		"infrastructure":    {provider: providerInfrastructure, refused: noTofu, infrastructure: true},
		"the control plane": {provider: providerControlPlane, controlPlane: true}, // runs nothing
		"something else":    {provider: "Bootstrap", refused: `--provider is "Bootstrap"`, infrastructure: true, controlPlane: true},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			options := NewOptions()
			options.provider, options.tofu = try.provider, "no-such-program"
			if err := options.complete(); try.refused == "" {
				g.Expect(err).NotTo(HaveOccurred())
			} else {
				g.Expect(err).To(MatchError(ContainSubstring(try.refused)))
			}
			g.Expect(try.provider.infrastructure()).To(Equal(try.infrastructure))
			g.Expect(try.provider.controlPlane()).To(Equal(try.controlPlane))
		})
	}
}

// Managers that would do the same work share a Lease; the two providers do not.
func TestLeases(t *testing.T) {
	g := NewWithT(t)
	g.Expect(providerInfrastructure.leaderElectionID()).To(Equal(providerAll.leaderElectionID()))
	g.Expect(providerControlPlane.leaderElectionID()).NotTo(Equal(providerAll.leaderElectionID()))
}
