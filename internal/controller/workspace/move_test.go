package workspace

import (
	"context"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	clusterctlv1 "sigs.k8s.io/cluster-api/cmd/clusterctl/api/v1alpha3"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine"
)

// blocked tells whether clusterctl move has to wait for the workspace.
func (w *world) blocked() bool {
	_, blocked := w.workspace().Annotations[clusterctlv1.BlockMoveAnnotation]
	return blocked
}

func TestAMoveWaitsUntilNothingIsUnderWay(t *testing.T) {
	w := newWorld(t, nil)
	w.template(nil)
	w.Expect(w.blocked()).To(BeTrue(), "it is not paused")
	w.change(func(workspace *infrav1.WorkspaceTemplateApply) {
		workspace.Annotations[clusterv1.PausedAnnotation] = ""
	})
	for range 2 {
		w.reconcile()
	}
	w.Expect(w.blocked()).To(BeTrue(), "a run is under way")
	w.engine.movable = true
	w.reconcile()
	w.Expect(w.blocked()).To(BeFalse())
	w.Expect(w.engine.questions()).To(BeEmpty())

	w.change(func(workspace *infrav1.WorkspaceTemplateApply) {
		delete(workspace.Annotations, clusterv1.PausedAnnotation)
	})
	for range 2 {
		w.reconcile()
	}
	w.Expect(w.blocked()).To(BeTrue(), "a run may begin")
	w.Expect(w.engine.questions()).To(BeEmpty(), "none has before that was written")
}

func TestTheStateIsMarkedBeforeAMoveIsAllowed(t *testing.T) {
	w := newWorld(t, nil)
	w.template(nil)
	w.Expect(w.engine.marked).To(Equal(1))
	w.reconcile()
	w.Expect(w.engine.marked).To(Equal(1), "nothing has changed")
	w.engine.movable = true
	w.change(func(workspace *infrav1.WorkspaceTemplateApply) {
		workspace.Labels[clusterctlv1.ClusterctlMoveHierarchyLabel] = ""
		workspace.Annotations[clusterv1.PausedAnnotation] = ""
	})
	w.reconcile()
	recorder := events.NewFakeRecorder(1)
	w.reconciler.Reporter.Recorder = recorder
	_, err := w.tryReconcile()
	w.Expect(err).To(MatchError(ContainSubstring("end the pause for a moment")))
	w.Expect(recorder.Events).To(Receive(HavePrefix("Warning MoveBlocked it cannot be moved before")))
	w.Expect(w.blocked()).To(BeTrue())
	for _, paused := range []bool{false, true} {
		w.change(func(workspace *infrav1.WorkspaceTemplateApply) {
			delete(workspace.Annotations, clusterv1.PausedAnnotation)
			if paused {
				workspace.Annotations[clusterv1.PausedAnnotation] = ""
			}
		})
		for range 2 {
			w.reconcile()
		}
	}
	w.Expect(w.engine.marked).To(Equal(2))
	w.Expect(w.blocked()).To(BeFalse())
}

func TestWhatWasMovedAwayIsNotDestroyed(t *testing.T) {
	w := newWorld(t, nil)
	w.template(nil)
	// clusterctl takes all other annotations away, and then the finalizers.
	w.change(func(workspace *infrav1.WorkspaceTemplateApply) {
		workspace.Annotations = map[string]string{clusterctlv1.DeleteForMoveAnnotation: ""}
	})
	w.delete(w.workspace())
	w.engine.observation = engine.Observation{State: engine.Gone}
	w.reconcile()
	w.Expect(w.engine.questions()).To(BeEmpty())
	w.Expect(w.workspace().Finalizers).To(ConsistOf(infrav1.WorkspaceFinalizer))
}

// late is a cache that has not seen any Cluster.
type late struct{ client.Client }

func (l late) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	if _, isCluster := obj.(*clusterv1.Cluster); isCluster {
		key.Name += "-unseen"
	}
	return l.Client.Get(ctx, key, obj, opts...)
}

func TestAClusterThatTheCacheHasNotSeenIsLookedFor(t *testing.T) {
	w := newWorld(t, nil)
	w.template(nil)
	cluster := &clusterv1.Cluster{}
	cluster.Namespace, cluster.Name = w.namespace, "c"
	cluster.Spec.Paused = ptr.To(true)
	cluster.Spec.InfrastructureRef = clusterv1.ContractVersionedObjectReference{APIGroup: infrav1.GroupVersion.Group, Kind: "CAPTCluster", Name: "i"}
	w.create(cluster)
	w.reconciler.Client = late{w.reconciler.Client}
	w.reconcile()
	w.Expect(w.conditions()).To(HaveKeyWithValue("Paused", "True/Paused"))
	w.Expect(w.engine.questions()).To(BeEmpty())
}

func TestThatThereIsAStateIsNoted(t *testing.T) {
	w := newWorld(t, nil)
	w.template(nil)
	w.engine.observation = engine.Observation{State: engine.Running, Run: "w-1"}
	w.reconcile()
	w.Expect(w.workspace().Annotations).NotTo(HaveKey(infrav1.StateKeptAnnotation))
	w.engine.observation = engine.Observation{State: engine.UpToDate, Run: "w-1", OutputsSecret: "w-outputs"}
	_, _ = w.tryReconcile() // there are no outputs to be read
	w.Expect(w.workspace().Annotations).To(HaveKey(infrav1.StateKeptAnnotation))
}
