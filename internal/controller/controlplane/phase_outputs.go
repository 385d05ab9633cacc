package controlplane

import (
	"context"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	"github.com/captproject/capt/internal/kubeconfig"
	"github.com/captproject/capt/internal/phase"
	"github.com/captproject/capt/internal/workspace"
)

// Reasons of the conditions KubeconfigReady and EndpointAvailable about the
// outputs, besides those of the packages contract and kubeconfig.
const (
	// ReasonOutputsNotRead: the API server refused to give the outputs. It is
	// tried again.
	ReasonOutputsNotRead = "OutputsNotRead"
	// ReasonWaitingForOutputs: the workspace has not told where its outputs are.
	// It wakes us.
	ReasonWaitingForOutputs = "WaitingForOutputs"
)

// readOutputs reads what the module gave and examines it. Outputs that are no
// good go no further, but what is published is looked after all the same.
func (r *Reconciler) readOutputs(ctx context.Context, s *scope) phase.Outcome {
	if s.users {
		return phase.Done() // theirs counts, whatever the module gives
	}
	if s.apply == nil || s.apply.Status.OutputsSecretName == "" {
		outcome := phase.Undecided(ReasonWaitingForOutputs, "the workspace has no outputs yet")
		return s.goOnWithPublished(outcome)
	}
	if err := r.examineOutputs(ctx, s); err != nil {
		return s.goOnWithPublished(r.unusable(ctx, s, err))
	}
	return phase.Done()
}

// unusable is the outcome of outputs that are not good. A CA that has expired may
// have a successor.
func (r *Reconciler) unusable(ctx context.Context, s *scope, why error) phase.Outcome {
	outcome := r.defective(why, ReasonOutputsNotRead)
	if reasonOf(why) != kubeconfig.ReasonCAExpired {
		return outcome
	}
	renewal, err := r.renewByModule(ctx, s, true)
	if err != nil {
		return phase.Fail(ReasonOutputsNotRead, err)
	}
	return outcome.Within(renewal)
}

// goOnWithPublished lets the phases that follow work with what is published.
func (s *scope) goOnWithPublished(outcome phase.Outcome) phase.Outcome {
	if s.published == nil {
		return outcome
	}
	return outcome.Proceed()
}

func (r *Reconciler) examineOutputs(ctx context.Context, s *scope) error {
	outputs, made, err := workspace.Outputs(ctx, r.Live, s.apply)
	if err != nil {
		return err
	}
	if s.outputs, err = outputs.ControlPlane(s.plane.Spec.Outputs); err != nil {
		return err
	}
	s.module, err = kubeconfig.Examine(kubeconfig.Candidate{
		Kubeconfig: s.outputs.Kubeconfig,
		Parts: kubeconfig.Parts{
			Server:            s.outputs.Endpoint,
			CACertificate:     s.outputs.CACertificate,
			ClientCertificate: s.outputs.ClientCertificate,
			ClientKey:         s.outputs.ClientKey,
			Token:             s.outputs.Token,
		},
		Made:          made,
		Ends:          s.outputs.Expiration,
		AllowInsecure: s.allowsInsecure(),
	}, r.Clock.Now())
	return err
}

func (s *scope) allowsInsecure() bool {
	return s.plane.Spec.Kubeconfig != nil && s.plane.Spec.Kubeconfig.InsecureSkipTLSVerify == controlplanev1.InsecureAllow
}
