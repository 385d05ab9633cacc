package kubeconfig

import (
	"strings"
	"time"
)

// serviceAccountPrefix begins the name that an API server has for a ServiceAccount.
const serviceAccountPrefix = "system:serviceaccount:"

// Life is what is known of how long a credential lives.
type Life struct {
	// Issued is since when it is good, or when it was made; zero means that it is not known.
	Issued time.Time
	// Expires is when it ends; nil means never, or that it does not tell (Opaque).
	Expires *time.Time
	// Opaque is true if nobody says when it ends, if ever.
	Opaque bool
}

// date fills the life of a credential from what it says itself and from what the candidate says.
func (k *Kubeconfig) date(valid validity, c Candidate) {
	k.Issued, k.Opaque = valid.begins, valid.opaque
	if k.Issued.IsZero() {
		k.Issued = c.Made
	}
	ends := valid.ends
	if !c.Ends.IsZero() && (ends.IsZero() || c.Ends.Before(ends)) {
		ends, k.Opaque = c.Ends, false
	}
	if !ends.IsZero() {
		k.Expires = &ends
	}
}

// HalfLife is when half of the life is over, the time to renew the credential; zero if it does not
// end or does not say when. Where only the end is known it is the end.
func (l Life) HalfLife() time.Time {
	switch {
	case l.Expires == nil:
		return time.Time{}
	case l.Issued.IsZero():
		return *l.Expires
	}
	return l.Issued.Add(l.Expires.Sub(l.Issued) / 2)
}

// LongerThan tells whether the whole life is known to be longer than d.
func (l Life) LongerThan(d time.Duration) bool {
	if l.Expires == nil {
		return !l.Opaque
	}
	return !l.Issued.IsZero() && l.Expires.Sub(l.Issued) > d
}

// ServiceAccount returns the name that an API server gives to the bearer,
// system:serviceaccount:<namespace>:<name>, if the credential says that it is a token of a
// ServiceAccount, and "" otherwise. Whether that is true only the API server knows.
func (k Kubeconfig) ServiceAccount() string {
	claims, _ := jwtClaims(k.token)
	if !strings.HasPrefix(claims.Subject, serviceAccountPrefix) {
		return ""
	}
	return claims.Subject
}
