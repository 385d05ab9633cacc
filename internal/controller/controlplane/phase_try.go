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

// Reasons of the condition KubeconfigReady about what is tried, besides those of
// package workload.
const (
	// ReasonCAMissing: the module gives no CA, and the certificate of the API server
	// is not publicly trusted. It is tried again, and other outputs wake us.
	ReasonCAMissing = "CAMissing"
)

// tryCredential keeps a kubeconfig that opens nothing from taking the place of one
// that does, and one without a CA that needs one from being published at all. A server
// that does not answer holds nothing back: it may be the new address that is the right
// one.
func (r *Reconciler) tryCredential(_ context.Context, s *scope) phase.Outcome {
	value, err := s.kubeconfig.Bytes(s.cluster.Name)
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
	why := opensNothing(s.kubeconfig, answer.Err)
	switch {
	case why == nil, s.published == nil && reasonOf(why) != ReasonCAMissing:
		return phase.Done()
	case s.published != nil:
		return r.replace(s, why, answer.At).Within(again)
	}
	return phase.BlockWith(why, ReasonPublishFailed).Within(again)
}

// mustTry tells whether a kubeconfig is to take the place of another, or has no CA. A
// token of the account has been tried when it was issued.
func (r *Reconciler) mustTry(s *scope, value []byte) bool {
	if s.users || r.isStatic(s) || s.credential == controlplanev1.PublishedServiceAccountToken {
		return false
	}
	if s.published == nil {
		return needsPublicTrust(s.kubeconfig)
	}
	return digest(value) != s.publishedDigest
}

func needsPublicTrust(kc *kubeconfig.Kubeconfig) bool { return kc.CA == nil && !kc.Insecure }

// opensNothing is why a kubeconfig that was tried is no good, beyond doubt; nil if it
// may be.
func opensNothing(kc *kubeconfig.Kubeconfig, answer error) error {
	switch reason := reasonOf(answer); {
	case reason == workload.ReasonServerCertificateInvalid && needsPublicTrust(kc):
		return &defect{ReasonCAMissing, fmt.Sprintf("the module gives no CA certificate, and that of the API server at %s is not publicly trusted, or not for its name, so that nothing was sent to it; let the module give the CA, in its kubeconfig, or as cluster_ca_certificate beside the other parts", address(kc))}
	case reason == workload.ReasonServerCertificateInvalid, reason == workload.ReasonCredentialRefused:
		return fmt.Errorf("%s: %w", address(kc), answer)
	}
	return nil
}

// replace lets a kubeconfig that opens nothing take the place of the published one
// only if that is known not to either; one without a CA that needs one never does.
func (r *Reconciler) replace(s *scope, why error, tried time.Time) phase.Outcome {
	opens, known, err := r.publishedOpens(s, tried)
	switch {
	case err != nil:
		return phase.Fail(ReasonPublishFailed, err)
	case !known:
		return s.stay(phase.Undecided(ReasonConnecting, beingAsked))
	case !opens && reasonOf(why) != ReasonCAMissing:
		return phase.Done()
	}
	why = fmt.Errorf("what was published stays, because the new one opens nothing: %w", why)
	return s.stay(phase.BlockWith(why, ReasonPublishFailed))
}

// publishedOpens tells whether the published kubeconfig opens its cluster still. A
// server that does not answer may do so again, and be opened. That it does not open
// anything is known only if it was asked after the candidate was. The answer wakes us.
func (r *Reconciler) publishedOpens(s *scope, tried time.Time) (opens, known bool, err error) {
	value, err := s.published.Bytes(s.cluster.Name)
	if err != nil {
		return false, false, err
	}
	answer := r.Clusters.Verify(client.ObjectKeyFromObject(s.plane), value, tried)
	switch reasonOf(answer.Err) {
	case workload.ReasonCredentialRefused, workload.ReasonAccountIncomplete, workload.ReasonServerCertificateInvalid:
	default:
		opens = true
	}
	known = !answer.At.IsZero() && (opens || !answer.At.Before(tried))
	return opens, known, nil
}

// stay leaves published what is.
func (s *scope) stay(outcome phase.Outcome) phase.Outcome {
	if s.published != nil {
		s.keep()
	}
	return s.goOnWithPublished(outcome)
}
