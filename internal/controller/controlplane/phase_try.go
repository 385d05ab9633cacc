package controlplane

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	"github.com/captproject/capt/internal/phase"
	"github.com/captproject/capt/internal/workload"
)

// tryCredential keeps a kubeconfig that the API server refuses from taking the
// place of one that it takes. A server that does not answer holds nothing back: it
// may be the new address that is the right one.
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
	switch {
	case answer.At.IsZero():
		s.keep() // the answer wakes us
		return phase.Done()
	case reasonOf(answer.Err) == workload.ReasonCredentialRefused && !r.isRefused(s, s.published):
		s.keep()
		why := fmt.Errorf("what was published stays, because the new one opens nothing: %w", answer.Err)
		return phase.BlockWith(why, ReasonPublishFailed).Proceed().Within(again)
	}
	return phase.Done()
}

// mustTry tells whether a kubeconfig is to take the place of another for the same
// cluster. A token of the account has been tried when it was issued.
func (r *Reconciler) mustTry(s *scope, value []byte) bool {
	return s.published != nil && !s.users && !r.isStatic(s) &&
		s.credential != controlplanev1.PublishedServiceAccountToken && digest(value) != s.publishedDigest &&
		s.module != nil && s.module.SameCluster(s.published)
}
