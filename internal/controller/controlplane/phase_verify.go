package controlplane

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/captproject/capt/internal/kubeconfig"
	"github.com/captproject/capt/internal/phase"
	"github.com/captproject/capt/internal/workload"
)

// Reasons of the condition Connected, besides those of package workload.
const (
	// ReasonConnecting: the API server is being asked for the first time, in
	// KubeconfigReady before what is published is replaced. Its answer wakes us.
	ReasonConnecting = "Connecting"
	// ReasonNotAsked: the condition is true: spec.kubeconfig.verify is Static.
	ReasonNotAsked = "NotAsked"
)

const beingAsked = "the API server is being asked"

// answersLast is how long an answer counts: a reconcile after that asks again.
const answersLast = 10 * time.Second

// verify tries the kubeconfig. It holds nothing back: Cluster API is told that
// the control plane is initialized at the first success, and stays so.
func (r *Reconciler) verify(_ context.Context, s *scope) phase.Outcome {
	if r.isStatic(s) {
		s.plane.Status.Initialization.ControlPlaneInitialized = ptr.To(true)
		return phase.Note(ReasonNotAsked, "the API server is not asked, because spec.kubeconfig.verify is Static")
	}
	value, err := s.kubeconfig.Bytes(s.cluster.Name)
	if err != nil {
		return phase.Fail(ReasonPublishFailed, err)
	}
	var again time.Duration
	s.answer, again = r.retrying(func(since time.Time) workload.Answer {
		if since.IsZero() {
			since = r.answersCountSince(s)
		}
		return r.Clusters.Verify(client.ObjectKeyFromObject(s.plane), value, since)
	})
	switch {
	case s.answer.At.IsZero():
		return phase.Undecided(ReasonConnecting, beingAsked)
	case s.answer.Err != nil:
		return phase.BlockWith(fmt.Errorf("%s: %w", address(s.kubeconfig), s.answer.Err), ReasonPublishFailed).Within(again)
	}
	s.plane.Status.Initialization.ControlPlaneInitialized = ptr.To(true)
	return phase.Done()
}

// answersCountSince is when an answer must have come to count: in the last seconds,
// and after the last successful run. That may have upgraded the server, and nothing
// wakes us when an answer from before it has become old. A run that ended by a clock
// ahead of ours is left out, since no answer would be young enough.
func (r *Reconciler) answersCountSince(s *scope) time.Time {
	now := r.Clock.Now()
	since := now.Add(-answersLast)
	if s.apply == nil {
		return since
	}
	if applied := s.apply.Status.LastAppliedTime.Time; applied.After(since) && !applied.After(now) {
		return applied
	}
	return since
}

// address is the host and port of the server. More of its URL is not shown: the path
// may be a secret of the module.
func address(kc *kubeconfig.Kubeconfig) string {
	host, port, _ := kubeconfig.Endpoint(kc.Server) // judged
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// reportVersion tells which version runs; as long as that is not known, the one that
// was told before stays.
func (r *Reconciler) reportVersion(_ context.Context, s *scope) phase.Outcome {
	if runs := s.runningVersion(); runs != "" {
		s.plane.Status.Version = runs
		s.plane.Status.Versions = []clusterv1.StatusVersion{{Version: runs}}
	}
	return phase.Done()
}
