package controlplane

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	"github.com/captproject/capt/internal/kubeconfig"
	"github.com/captproject/capt/internal/phase"
	"github.com/captproject/capt/internal/workload"
)

// Reasons of the condition KubeconfigReady about the credential, besides those
// of package kubeconfig.
const (
	// ReasonIssuingToken: the API server is being asked for the first token. Its
	// answer wakes us.
	ReasonIssuingToken = "IssuingToken"
	// ReasonTokenNotIssued: the condition is true: the module's own credential is
	// published, because no token of a ServiceAccount can be had. It is tried again.
	ReasonTokenNotIssued = "TokenNotIssued"
	// ReasonTokenNotRenewed: the condition is true: the published token is good
	// until its end, but no new one can be had. It is tried again.
	ReasonTokenNotRenewed = "TokenNotRenewed"
)

// longLife is how long a credential must live to be published as it is.
const longLife = 7 * 24 * time.Hour

// Clusters asks API servers of workload clusters. No method waits: an answer
// that is not there yet is zero, and the control plane is woken when it is.
type Clusters interface {
	// Verify asks who we are with a kubeconfig; see workload.Clusters.
	Verify(owner types.NamespacedName, kubeconfig []byte, since time.Time) workload.Answer
	// Try asks the same with a kubeconfig that is not published yet.
	Try(owner types.NamespacedName, kubeconfig []byte, since time.Time) workload.Answer
	// Issue asks for a token of an account, which is made if need be.
	Issue(account workload.Account, credentials workload.Credentials, since time.Time) workload.Answer
	// Remove asks for an account to be removed.
	Remove(account workload.Account, credentials workload.Credentials, since time.Time) workload.Answer
	// Forget forgets all answers for a control plane.
	Forget(owner types.NamespacedName)
}

// chooseCredential decides what is to be published, and has a credential renewed
// when half of its life is over.
func (r *Reconciler) chooseCredential(ctx context.Context, s *scope) phase.Outcome {
	switch {
	case s.users:
		return r.useUsers(s)
	case r.wantsAccount(s):
		return r.useAccount(ctx, s)
	case s.module == nil:
		s.keep()
		return phase.Done()
	}
	return r.useModule(ctx, s)
}

// publish has a kubeconfig published.
func (s *scope) publish(kc *kubeconfig.Kubeconfig, credential controlplanev1.PublishedCredential) {
	s.kubeconfig, s.credential = kc, credential
}

// keep leaves published what is.
func (s *scope) keep() {
	credential := controlplanev1.PublishedOutputs
	if s.published.ServiceAccount() == account(s.plane).User() {
		credential = controlplanev1.PublishedServiceAccountToken
	}
	s.publish(s.published, credential)
}

// useUsers takes what a user keeps under the contract's name. When it ends, that
// is for the user to know.
func (r *Reconciler) useUsers(s *scope) phase.Outcome {
	if s.usersErr != nil {
		name := kubeconfig.SecretName(s.cluster.Name)
		return r.defective(fmt.Errorf("the Secret %s, which a user keeps: %w", name, s.usersErr), ReasonPublishFailed)
	}
	s.publish(s.published, controlplanev1.PublishedUserProvided)
	if s.published.Expires == nil {
		return phase.Done()
	}
	return phase.DoneFor(r.until(*s.published.Expires))
}

// defective is the outcome of a kubeconfig that is not good. If that passes by
// itself we are woken then, and before: our own clock may be the wrong one, and be
// put right at any moment.
func (r *Reconciler) defective(why error, reason string) phase.Outcome {
	outcome := phase.BlockWith(why, reason)
	var defect *kubeconfig.Error
	if errors.As(why, &defect) && !defect.Passes().IsZero() {
		return outcome.Within(min(r.until(defect.Passes()), lastRetry))
	}
	return outcome
}

// until is how long it is until a time; 0 if there is none.
func (r *Reconciler) until(t time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	return max(t.Sub(r.Clock.Now()), time.Second)
}

// wantsAccount tells whether a token of a ServiceAccount is to be published.
// Without outputs to decide by, it stays with what is published.
func (r *Reconciler) wantsAccount(s *scope) bool {
	policy, verify := controlplanev1.CredentialAuto, controlplanev1.VerifyConnect
	if spec := s.plane.Spec.Kubeconfig; spec != nil {
		policy, verify = spec.Credential, spec.Verify
	}
	switch {
	case verify == controlplanev1.VerifyStatic, policy == controlplanev1.CredentialOutputs:
		return false
	case policy == controlplanev1.CredentialServiceAccountToken:
		return true
	case s.module == nil:
		return s.published.ServiceAccount() == account(s.plane).User()
	}
	return !s.module.Life().LongerThan(longLife)
}

// account is the ServiceAccount of a control plane.
func account(plane *controlplanev1.CAPTControlPlane) workload.Account {
	account := workload.Account{
		ControlPlane: client.ObjectKeyFromObject(plane),
		ClusterRole:  controlplanev1.DefaultClusterRole,
		Lifetime:     24 * time.Hour,
	}
	if spec := plane.Spec.Kubeconfig; spec != nil && spec.ClusterRole != "" {
		account.ClusterRole = spec.ClusterRole
	}
	if spec := plane.Spec.Kubeconfig; spec != nil && spec.TokenLifetime != nil {
		account.Lifetime = spec.TokenLifetime.Duration
	}
	return account
}

// useModule publishes the module's credential and has the module make a new one
// in time.
func (r *Reconciler) useModule(ctx context.Context, s *scope) phase.Outcome {
	kc, err := s.module.Kubeconfig(r.Clock.Now())
	renewal, askErr := r.renewByModule(ctx, s, err != nil || r.isRefused(s, kc))
	if err != nil {
		if askErr != nil {
			return phase.Fail(ReasonPublishFailed, askErr)
		}
		return r.keepPublished(s, err).Within(renewal)
	}
	s.publish(kc, controlplanev1.PublishedOutputs)
	if askErr != nil { // what is good is published all the same
		return phase.Fail(ReasonPublishFailed, askErr).Proceed()
	}
	return phase.DoneFor(renewal)
}

// keepPublished goes on with what is published, if that leads to the right
// cluster, although the module's credential is not good now.
func (r *Reconciler) keepPublished(s *scope, why error) phase.Outcome {
	outcome := r.defective(why, ReasonPublishFailed)
	if s.published == nil || !s.module.SameCluster(s.published) {
		return outcome
	}
	s.keep()
	return outcome.Proceed()
}

// isRefused tells whether the API server has said that it does not know the
// credential, or that our account has lost its rights.
func (r *Reconciler) isRefused(s *scope, kc *kubeconfig.Kubeconfig) bool {
	if kc == nil || r.isStatic(s) {
		return false
	}
	value, err := kc.Bytes(s.cluster.Name)
	if err != nil {
		return false
	}
	ask := r.Clusters.Verify
	if s.published != nil && digest(value) != s.publishedDigest {
		ask = r.Clusters.Try
	}
	answer := ask(client.ObjectKeyFromObject(s.plane), value, time.Time{})
	return reasonOf(answer.Err) == workload.ReasonCredentialRefused || reasonOf(answer.Err) == workload.ReasonAccountIncomplete
}

func (r *Reconciler) isStatic(s *scope) bool {
	return s.plane.Spec.Kubeconfig != nil && s.plane.Spec.Kubeconfig.Verify == controlplanev1.VerifyStatic
}
