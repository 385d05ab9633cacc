package controlplane

import (
	"context"
	"errors"

	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util"
	"sigs.k8s.io/cluster-api/util/finalizers"
	"sigs.k8s.io/cluster-api/util/patch"
	"sigs.k8s.io/cluster-api/util/paused"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/contract"
	"github.com/captproject/capt/internal/kubeconfig"
	"github.com/captproject/capt/internal/phase"
)

// Reconciler reconciles CAPTControlPlanes.
type Reconciler struct {
	Client client.Client
	// Live reads past all caches: Secrets are not cached.
	Live     client.Reader
	Clock    clock.PassiveClock
	Reporter phase.Reporter
	// Connect asks an API server who we are, and which version it is. It does
	// not wait longer than a few seconds.
	Connect func(ctx context.Context, kubeconfig []byte) (Answer, error)
}

// scope is what the phases of one reconcile share.
type scope struct {
	plane *controlplanev1.CAPTControlPlane
	// cluster is the owner; nil until Cluster API has set it.
	cluster *clusterv1.Cluster

	// apply is set by ensureWorkspace.
	apply *infrav1.WorkspaceTemplateApply
	// outputs is set by readOutputs.
	outputs contract.ControlPlane
	// kubeconfig is set by judgeKubeconfig.
	kubeconfig *kubeconfig.Kubeconfig
	// answer is set by verify.
	answer Answer
}

// +kubebuilder:rbac:groups=controlplane.cluster.x-k8s.io,resources=captcontrolplanes,verbs=get;list;watch;update;patch
// +kubebuilder:rbac:groups=controlplane.cluster.x-k8s.io,resources=captcontrolplanes/status,verbs=get;update;patch
// +kubebuilder:rbac:groups=controlplane.cluster.x-k8s.io,resources=captcontrolplanes/finalizers,verbs=update
// +kubebuilder:rbac:groups=cluster.x-k8s.io,resources=clusters,verbs=get;list;watch
// +kubebuilder:rbac:groups=infrastructure.cluster.x-k8s.io,resources=captclusters,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch;create;update;delete

// Reconcile takes one CAPTControlPlane a step further.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (_ ctrl.Result, reterr error) {
	plane := &controlplanev1.CAPTControlPlane{}
	if err := r.Client.Get(ctx, req.NamespacedName, plane); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if added, err := finalizers.EnsureFinalizer(ctx, r.Client, plane, controlplanev1.ControlPlaneFinalizer); err != nil || added {
		return ctrl.Result{}, err
	}
	cluster, err := util.GetOwnerCluster(ctx, r.Client, plane.ObjectMeta)
	if client.IgnoreNotFound(err) != nil {
		return ctrl.Result{}, err
	}
	if isPaused, requeue, err := paused.EnsurePausedCondition(ctx, r.Client, cluster, plane); err != nil || isPaused || requeue {
		return ctrl.Result{}, err
	}
	helper, err := patch.NewHelper(plane, r.Client)
	if err != nil {
		return ctrl.Result{}, err
	}
	defer func() {
		plane.Status.ObservedGeneration = plane.Generation
		plane.Status.ExternalManagedControlPlane = ptr.To(true)
		reterr = errors.Join(reterr, phase.Patch(ctx, helper, plane, controlplanev1.AvailableCondition,
			controlplanev1.WorkspaceReadyCondition, controlplanev1.EndpointAvailableCondition,
			controlplanev1.KubeconfigReadyCondition, controlplanev1.ConnectedCondition))
	}()
	return phase.Run(ctx, r.Reporter, plane, &scope{plane: plane, cluster: cluster}, r.phases(plane))
}

func (r *Reconciler) phases(plane *controlplanev1.CAPTControlPlane) []phase.Phase[*scope] {
	if !plane.DeletionTimestamp.IsZero() {
		return []phase.Phase[*scope]{
			{Name: "deleteWorkspace", Condition: controlplanev1.WorkspaceReadyCondition, Run: r.deleteWorkspace},
			{Name: "deleteSecrets", Condition: controlplanev1.KubeconfigReadyCondition, Run: r.deleteSecrets},
		}
	}
	return []phase.Phase[*scope]{
		{Name: "ensureWorkspace", Condition: controlplanev1.WorkspaceReadyCondition, Run: r.ensureWorkspace},
		{Name: "readOutputs", Condition: controlplanev1.KubeconfigReadyCondition, Run: r.readOutputs},
		{Name: "judgeKubeconfig", Condition: controlplanev1.KubeconfigReadyCondition, Run: r.judgeKubeconfig},
		{Name: "publishEndpoint", Condition: controlplanev1.EndpointAvailableCondition, Run: r.publishEndpoint},
		{Name: "publishKubeconfig", Condition: controlplanev1.KubeconfigReadyCondition, Run: r.publishKubeconfig},
		{Name: "verify", Condition: controlplanev1.ConnectedCondition, Run: r.verify},
		{Name: "reportVersion", Condition: controlplanev1.ConnectedCondition, Run: r.reportVersion},
	}
}
