package manager

import "fmt"

// providerName is a value of --provider.
type providerName string

const (
	providerAll            providerName = "All"
	providerInfrastructure providerName = "Infrastructure"
	providerControlPlane   providerName = "ControlPlane"
)

func (p providerName) validate() error {
	switch p {
	case providerAll, providerInfrastructure, providerControlPlane:
		return nil
	}
	return fmt.Errorf("--provider is %q; it must be %s, %s or %s", p, providerAll, providerInfrastructure, providerControlPlane)
}

// infrastructure tells whether workspaces, runs and infrastructure are looked after.
func (p providerName) infrastructure() bool { return p != providerControlPlane }

// controlPlane tells whether control planes are looked after.
func (p providerName) controlPlane() bool { return p != providerInfrastructure }

// leaderElectionID is the name of the Lease. The managers of the two providers may
// live in one namespace. One of all of CAPT must not be beside that of the control
// plane provider: both would look after control planes.
func (p providerName) leaderElectionID() string {
	if p == providerControlPlane {
		return "capt-control-plane-manager"
	}
	return "capt-manager"
}
