package controlplane

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	"github.com/captproject/capt/internal/kubeconfig"
	"github.com/captproject/capt/internal/phase"
	"github.com/captproject/capt/internal/workload"
)

// accountAnnotation on a control plane says that there may be an account in the
// workload cluster. It is written before one is made.
const accountAnnotation = "capt.cluster.x-k8s.io/workload-account"

// useAccount publishes a token of the account. The one that is published is
// renewed at half of its life with the module's credential, which also repairs the
// account, or with itself; if neither is good any more, the module is applied
// again. That somebody has deleted the contract's Secret asks for a new token, too.
func (r *Reconciler) useAccount(ctx context.Context, s *scope) phase.Outcome {
	now := r.Clock.Now()
	own, deleted := r.ownToken(s), s.secrets[kubeconfig.SecretName(s.cluster.Name)] == nil
	if own != nil && !deleted && now.Before(own.HalfLife()) {
		s.publish(own, controlplanev1.PublishedServiceAccountToken)
		return phase.DoneFor(own.HalfLife().Sub(now))
	}
	module, moduleErr := s.moduleNow(now)
	if own == nil && module == nil {
		return r.awaitModule(ctx, s, moduleErr)
	}
	credentials, err := r.credentials(s.cluster.Name, own, module)
	if err != nil {
		return phase.Fail(ReasonPublishFailed, err)
	}
	if !s.accountNoted() {
		return s.awaitToken(own)
	}
	var renewed *kubeconfig.Kubeconfig
	if !deleted {
		renewed = own
	}
	answer, again := r.issue(s, credentials, renewed)
	if answer.Token != "" {
		if answer.Err = r.takeToken(s, own, answer.Token); answer.Err == nil {
			return phase.DoneFor(max(again, r.until(s.kubeconfig.HalfLife())))
		}
		again = shortestRenewal
	}
	if answer.Err == nil && deleted {
		return phase.Undecided(ReasonIssuingToken, askingForToken)
	}
	if answer.Err == nil {
		return s.awaitToken(own)
	}
	return r.doWithoutToken(ctx, s, own, module, answer.Err).Within(again)
}

// tokensApart is how long no other token is asked for after one was issued. It may
// wait to be published meanwhile, by a write that is refused, say.
const tokensApart = time.Minute

// issue asks for a token in the place of the one that is published, if that is to
// be renewed, and returns how long it is until it has to be asked again. The later
// half of what was left of that at the last answer is for the next: our clock may
// be so far ahead of the server's that each token is past half of its life.
func (r *Reconciler) issue(s *scope, credentials workload.Credentials, renewed *kubeconfig.Kubeconfig) (workload.Answer, time.Duration) {
	ask := func(since time.Time) workload.Answer { return r.Clusters.Issue(account(s.plane), credentials, since) }
	answer, again := r.retrying(ask)
	if answer.Err != nil || answer.At.IsZero() {
		return answer, again
	}
	apart := tokensApart
	if renewed != nil && renewed.Expires != nil {
		apart = max(apart, renewed.Expires.Sub(answer.At)/2)
	}
	wait := answer.At.Add(apart).Sub(r.Clock.Now())
	if wait > 0 && wait <= apart {
		return answer, wait
	}
	ask(r.Clock.Now())
	answer.Token = "" // another one is on its way
	return answer, 0
}

// moduleNow is the module's kubeconfig if there is one that is good at this time;
// without outputs there is neither one nor an error.
func (s *scope) moduleNow(now time.Time) (*kubeconfig.Kubeconfig, error) {
	if s.module == nil {
		return nil, nil
	}
	return s.module.Kubeconfig(now)
}

// ownToken is the published kubeconfig if it has a token of the account which the
// right cluster does not refuse.
func (r *Reconciler) ownToken(s *scope) *kubeconfig.Kubeconfig {
	kc := s.published
	if kc == nil || kc.ServiceAccount() != account(s.plane).User() || s.module != nil && !s.module.SameCluster(kc) || r.isRefused(s, kc) {
		return nil
	}
	return kc
}

// awaitModule has the module make a credential that a token can be had with.
func (r *Reconciler) awaitModule(ctx context.Context, s *scope, why error) phase.Outcome {
	if s.module == nil { // its outputs are not there: said already
		s.keep()
		return phase.Done()
	}
	renewal, err := r.renewByModule(ctx, s, true)
	if err != nil {
		return phase.Fail(ReasonPublishFailed, err)
	}
	return r.keepPublished(s, why).Within(renewal)
}

// credentials encodes what a token can be had with.
func (r *Reconciler) credentials(cluster string, own, module *kubeconfig.Kubeconfig) (credentials workload.Credentials, err error) {
	if own != nil {
		if credentials.Own, err = own.Bytes(cluster); err != nil {
			return credentials, err
		}
	}
	if module != nil {
		credentials.Module, err = module.Bytes(cluster)
	}
	return credentials, err
}

// accountNoted tells whether it has been noted that there may be an account. If
// not it is with this reconcile, and the write wakes us.
func (s *scope) accountNoted() bool {
	if _, noted := s.plane.Annotations[accountAnnotation]; noted {
		return true
	}
	metav1.SetMetaDataAnnotation(&s.plane.ObjectMeta, accountAnnotation, account(s.plane).Name())
	return false
}

// takeToken has a token published that the API server gave.
func (r *Reconciler) takeToken(s *scope, own *kubeconfig.Kubeconfig, token string) error {
	var candidate kubeconfig.Candidate
	if s.module != nil {
		candidate = s.module.WithToken(token)
	} else {
		candidate = own.WithToken(token)
	}
	kc, err := kubeconfig.Judge(candidate, r.Clock.Now())
	if err != nil {
		return err
	}
	s.publish(kc, controlplanev1.PublishedServiceAccountToken)
	return nil
}

const askingForToken = "the API server is being asked for a token"

// awaitToken leaves what is published as it is while a token is asked for.
func (s *scope) awaitToken(own *kubeconfig.Kubeconfig) phase.Outcome {
	switch {
	case own != nil:
		s.publish(own, controlplanev1.PublishedServiceAccountToken)
		return phase.Done()
	case s.published != nil && s.module.SameCluster(s.published):
		s.keep()
		return phase.Undecided(ReasonIssuingToken, askingForToken).Proceed()
	}
	return phase.Undecided(ReasonIssuingToken, askingForToken)
}

// doWithoutToken publishes the next best: the earlier token while it lives, or
// the module's own credential, which the module then has to renew.
func (r *Reconciler) doWithoutToken(ctx context.Context, s *scope, own, module *kubeconfig.Kubeconfig, why error) phase.Outcome {
	outcome := phase.Note(ReasonTokenNotIssued, fmt.Sprintf("the module's own credential is published: no token of a ServiceAccount can be had (%s): %v", reasonOf(why), why))
	if own != nil {
		s.publish(own, controlplanev1.PublishedServiceAccountToken)
		outcome = phase.Note(ReasonTokenNotRenewed, fmt.Sprintf("the published token is good, but no new one can be had (%s): %v", reasonOf(why), why))
	} else {
		s.publish(module, controlplanev1.PublishedOutputs)
	}
	// Our account may make its own tokens, unless its rights were taken away.
	refused := reasonOf(why) == workload.ReasonCredentialRefused || own != nil && reasonOf(why) == workload.ReasonCredentialForbidden
	if s.module == nil || own != nil && !refused {
		return outcome
	}
	renewal, err := r.renewByModule(ctx, s, refused)
	if err != nil {
		return phase.Fail(ReasonPublishFailed, err).Proceed()
	}
	return outcome.Within(renewal)
}
