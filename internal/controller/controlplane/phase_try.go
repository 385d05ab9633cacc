package controlplane

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	"github.com/captproject/capt/internal/kubeconfig"
	"github.com/captproject/capt/internal/phase"
	"github.com/captproject/capt/internal/workload"
)

// tryCredential keeps a kubeconfig that opens nothing from taking the place of one
// that does. A server that does not answer holds nothing back: it may be the new
// address that is the right one.
func (r *Reconciler) tryCredential(_ context.Context, s *scope) phase.Outcome {
	candidate := s.kubeconfig
	value, err := candidate.Bytes(s.cluster.Name)
	if err != nil {
		return phase.Fail(ReasonPublishFailed, err)
	}
	if !r.mustTry(s, value) {
		return phase.Done()
	}
	answer, again := r.retrying(func(since time.Time) workload.Answer {
		return r.Clusters.Try(client.ObjectKeyFromObject(s.plane), value, since)
	})
	if answer.At.IsZero() {
		return s.stay(phase.Undecided(ReasonConnecting, beingAsked))
	}
	if reason := reasonOf(answer.Err); reason != workload.ReasonCredentialRefused && reason != workload.ReasonServerCertificateInvalid {
		return phase.Done()
	}
	opens, known, err := r.publishedOpens(s, answer.At)
	switch {
	case err != nil:
		return phase.Fail(ReasonPublishFailed, err)
	case !known:
		return s.stay(phase.Undecided(ReasonConnecting, beingAsked))
	case !opens:
		return phase.Done()
	}
	why := fmt.Errorf("what was published stays, because the new one opens nothing: %w", answer.Err)
	return s.stay(phase.BlockWith(why, ReasonPublishFailed).Within(again))
}

// mustTry tells whether a kubeconfig is to take the place of another. A token of the
// account has been tried when it was issued.
func (r *Reconciler) mustTry(s *scope, value []byte) bool {
	return s.published != nil && !s.users && !r.isStatic(s) &&
		s.credential != controlplanev1.PublishedServiceAccountToken && digest(value) != s.publishedDigest
}

// publishedOpens tells whether the published kubeconfig opens its cluster still. That
// it does not is known only if it was asked after the candidate was: a server may
// have been away for a moment. The answer wakes us.
func (r *Reconciler) publishedOpens(s *scope, tried time.Time) (opens, known bool, err error) {
	value, err := s.published.Bytes(s.cluster.Name)
	if err != nil {
		return false, false, err
	}
	answer := r.Clusters.Verify(client.ObjectKeyFromObject(s.plane), value, tried)
	switch reasonOf(answer.Err) {
	case workload.ReasonCredentialRefused, workload.ReasonAccountIncomplete, workload.ReasonServerCertificateInvalid:
	case workload.ReasonServerUnreachable:
		// The server that has refused the candidate is there.
		opens = kubeconfig.SameCluster(s.kubeconfig, s.published)
	default:
		opens = true
	}
	known = !answer.At.IsZero() && (opens || !answer.At.Before(tried))
	return opens, known, nil
}

// stay leaves published what is.
func (s *scope) stay(outcome phase.Outcome) phase.Outcome {
	s.keep()
	return outcome.Proceed()
}
