package controlplane

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/captproject/capt/internal/phase"
	"github.com/captproject/capt/internal/workload"
)

// Reasons of the condition Connected while the control plane is deleted, besides
// those of package workload.
const (
	// ReasonRemovingAccount: what was made in the workload cluster is being
	// removed. The answer of its API server wakes us.
	ReasonRemovingAccount = "RemovingAccount"
	// ReasonAccountNotRemoved: the condition is true: the control plane goes
	// although its ServiceAccount may be left in the workload cluster. Delete it
	// there if the cluster stays.
	ReasonAccountNotRemoved = "AccountNotRemoved"
)

// removalTries is how often a workload cluster is asked before a deletion goes on
// without it: for about a minute.
const removalTries = 6

// removeAccount removes what was made in the workload cluster, while there still
// is a credential for it. A cluster that cannot be asked does not hold up the
// deletion for long: usually it is what is being deleted.
func (r *Reconciler) removeAccount(ctx context.Context, s *scope) phase.Outcome {
	name, made := s.plane.Annotations[accountAnnotation]
	if !made {
		return phase.Done()
	}
	credentials, err := r.lastCredentials(ctx, s)
	if err != nil {
		return phase.Fail(ReasonPublishFailed, err)
	}
	answer, again := workload.Answer{Err: errors.New("there is no credential for it any more")}, time.Duration(0)
	if credentials.Own != nil || credentials.Module != nil {
		answer, again = r.retrying(func(since time.Time) workload.Answer { return r.Clusters.Remove(account(s.plane), credentials, since) })
		switch {
		case answer.At.IsZero():
			return phase.Wait(ReasonRemovingAccount, "the ServiceAccount is being removed from the workload cluster", 0)
		case answer.Err == nil:
			delete(s.plane.Annotations, accountAnnotation)
			return phase.Done()
		case answer.Failures < removalTries:
			return phase.FailFor(ReasonRemovingAccount, fmt.Errorf("removing the ServiceAccount from the workload cluster: %w", answer.Err), again)
		}
	}
	return phase.Note(ReasonAccountNotRemoved,
		fmt.Sprintf("if the workload cluster stays, delete the ServiceAccount kube-system/%s there and the objects of its name: %v", name, answer.Err))
}

// lastCredentials are those that there are when a control plane goes. That there
// is none is no error, but that it could not be looked for.
func (r *Reconciler) lastCredentials(ctx context.Context, s *scope) (workload.Credentials, error) {
	if s.cluster == nil {
		return workload.Credentials{}, nil
	}
	if err := r.readSecrets(ctx, s); err != nil {
		return workload.Credentials{}, err
	}
	if s.published != nil && s.published.ServiceAccount() != account(s.plane).User() {
		s.published = nil
	}
	r.findWorkspace(ctx, s)
	if s.apply != nil && s.apply.Status.OutputsSecretName != "" {
		err := r.examineOutputs(ctx, s)
		// An error with a reason is about what the outputs are.
		if client.IgnoreNotFound(err) != nil && reasonOf(err) == "" {
			return workload.Credentials{}, err
		}
	}
	module, _ := s.moduleNow(r.Clock.Now())
	return r.credentials(s.cluster.Name, s.published, module)
}
