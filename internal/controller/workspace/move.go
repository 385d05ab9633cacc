package workspace

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	clusterctlv1 "sigs.k8s.io/cluster-api/cmd/clusterctl/api/v1alpha3"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine"
	"github.com/captproject/capt/internal/phase"
)

// ReasonMoveBlocked is the reason of an event: the object is paused and nothing is under
// way, but clusterctl may not move it all the same. The message says what to do.
const ReasonMoveBlocked = "MoveBlocked"

// isPaused tells whether a workspace is to be left alone, and whether clusterctl may
// move it accordingly.
func (r *Reconciler) isPaused(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply) (bool, error) {
	cluster, err := r.cluster(ctx, workspace)
	if err != nil {
		return false, err
	}
	isPaused, requeue, err := phase.EnsurePausedCondition(ctx, r.Client, cluster, workspace)
	switch {
	case err != nil || requeue:
		return true, err // what was written wakes us
	case isPaused:
		err := r.allowMove(ctx, workspace)
		if blocked := (&engine.MoveBlockedError{}); errors.As(err, &blocked) {
			// No condition: who is paused has none changed but that.
			r.Reporter.Tell(workspace, corev1.EventTypeWarning, "allowMove", ReasonMoveBlocked, blocked.Message)
		}
		return true, err
	}
	return r.blockMove(ctx, workspace)
}

// cluster is the Cluster whose name the workspace carries, nil if there is none.
// One that the cache has not seen may be paused: clusterctl move makes it first.
func (r *Reconciler) cluster(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply) (*clusterv1.Cluster, error) {
	name := workspace.Labels[clusterv1.ClusterNameLabel]
	if name == "" {
		return nil, nil
	}
	key := client.ObjectKey{Namespace: workspace.Namespace, Name: name}
	cluster := &clusterv1.Cluster{}
	err := r.Client.Get(ctx, key, cluster)
	if apierrors.IsNotFound(err) {
		err = r.Live.Get(ctx, key, cluster)
	}
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading Cluster %s: %w", name, err)
	}
	return cluster, nil
}

// blockMove keeps clusterctl from moving a workspace that is not paused: a run may
// begin at any time. What is kept of its state has been marked before accordingly;
// the annotation has as its value for which of the two. It tells whether there was
// anything to be done; the write wakes us.
func (r *Reconciler) blockMove(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply) (bool, error) {
	if workspace.Annotations[clusterctlv1.BlockMoveAnnotation] == along(workspace) || !workspace.DeletionTimestamp.IsZero() {
		return false, nil
	}
	before := workspace.DeepCopy()
	if err := r.markForMove(ctx, workspace); err != nil {
		return false, err
	}
	if err := r.Client.Patch(ctx, workspace, client.MergeFrom(before)); err != nil {
		return false, fmt.Errorf("blocking clusterctl move: %w", err)
	}
	return true, nil
}

// markForMove marks what is kept of the state, and then the workspace in memory.
func (r *Reconciler) markForMove(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply) error {
	if err := r.Engine.MarkForMove(ctx, workspace); err != nil {
		return err
	}
	metav1.SetMetaDataAnnotation(&workspace.ObjectMeta, clusterctlv1.BlockMoveAnnotation, along(workspace))
	return nil
}

// along is the value of the annotation.
func along(workspace *infrav1.WorkspaceTemplateApply) string {
	return strconv.FormatBool(engine.GoesAlong(workspace))
}

// allowMove lets clusterctl move a workspace that is paused, once nothing is under
// way any more.
func (r *Reconciler) allowMove(ctx context.Context, workspace *infrav1.WorkspaceTemplateApply) error {
	marked, blocked := workspace.Annotations[clusterctlv1.BlockMoveAnnotation]
	if !blocked {
		return nil
	}
	if marked != along(workspace) {
		return engine.MoveBlocked("it cannot be moved before its state is marked for that: end the pause for a moment")
	}
	ready, err := r.Engine.PrepareMove(ctx, workspace)
	if err != nil || !ready {
		return err
	}
	before := workspace.DeepCopy()
	delete(workspace.Annotations, clusterctlv1.BlockMoveAnnotation)
	if err := r.Client.Patch(ctx, workspace, client.MergeFrom(before)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("allowing clusterctl move: %w", err)
	}
	return nil
}
