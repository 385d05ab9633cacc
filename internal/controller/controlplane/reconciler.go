package controlplane

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util"
	"sigs.k8s.io/cluster-api/util/finalizers"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/contract"
	"github.com/captproject/capt/internal/kubeconfig"
	"github.com/captproject/capt/internal/phase"
	"github.com/captproject/capt/internal/workload"
	"github.com/captproject/capt/internal/workspace"
)

// Reconciler reconciles CAPTControlPlanes.
type Reconciler struct {
	Client client.Client
	// Live reads past all caches: Secrets are not cached.
	Live     client.Reader
	Clock    clock.PassiveClock
	Reporter phase.Reporter
	// WatchFilter says which objects are looked after.
	WatchFilter phase.WatchFilter
	// Clusters asks the API servers of the workload clusters.
	Clusters Clusters
	// Answered receives the control planes that one of them has answered for.
	Answered <-chan event.TypedGenericEvent[types.NamespacedName]

	metrics metrics
}

// summary leaves RollingOut out, which says nothing of what there is.
var summary = phase.Summary{
	Condition: controlplanev1.AvailableCondition,
	Of: []string{
		controlplanev1.WorkspaceReadyCondition, controlplanev1.EndpointAvailableCondition,
		controlplanev1.KubeconfigReadyCondition, controlplanev1.ConnectedCondition,
	},
}

// scope is what the phases of one reconcile share.
type scope struct {
	plane *controlplanev1.CAPTControlPlane
	// cluster is the owner; nil until Cluster API has set it.
	cluster *clusterv1.Cluster

	// secrets are those that there are of what is published, by name; set by
	// readPublished, as are the next four.
	secrets map[string]*corev1.Secret
	// published is the best kubeconfig of ours that is out and good now; nil if
	// there is none.
	published *kubeconfig.Kubeconfig
	// publishedDigest is that of published, as it is in its Secret.
	publishedDigest string
	// users is true if a user keeps the Secret of the contract, and usersErr why
	// what is in it is not good.
	users    bool
	usersErr error

	// apply is set by ensureWorkspace; nil if there is none. applied tells whether it
	// is as wanted, and was applied so.
	apply   *infrav1.WorkspaceTemplateApply
	applied bool
	// outputs and module are set by readOutputs; module is nil if the outputs are
	// not there or not good.
	outputs contract.ControlPlane
	module  *kubeconfig.Examined
	// kubeconfig is what is to be published, and credential where it comes from;
	// set by chooseCredential.
	kubeconfig *kubeconfig.Kubeconfig
	credential controlplanev1.PublishedCredential
	// renewed is set by publishKubeconfig if another kubeconfig was published than
	// before, and conflicts counts the Secrets that belong to others.
	renewed   bool
	conflicts int
	// withheld is set by publishKubeconfig if the contract's Secret is one of
	// them.
	withheld bool
	// isOut tells whether a good kubeconfig is in the contract's Secret; set by
	// readPublished and publishKubeconfig. described is set by the latter when it has
	// come to its end.
	isOut, described bool
	// answer is set by verify.
	answer workload.Answer
}

// +kubebuilder:rbac:groups=controlplane.cluster.x-k8s.io,resources=captcontrolplanes,verbs=get;list;watch;update;patch
// +kubebuilder:rbac:groups=controlplane.cluster.x-k8s.io,resources=captcontrolplanes/status,verbs=get;update;patch
// +kubebuilder:rbac:groups=controlplane.cluster.x-k8s.io,resources=captcontrolplanes/finalizers,verbs=update
// +kubebuilder:rbac:groups=cluster.x-k8s.io,resources=clusters,verbs=get;list;watch
// +kubebuilder:rbac:groups=infrastructure.cluster.x-k8s.io,resources=captclusters,verbs=get;list;watch
// +kubebuilder:rbac:groups=infrastructure.cluster.x-k8s.io,resources=workspacetemplateapplies,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch;create;update;delete

// Reconcile takes one CAPTControlPlane a step further.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	plane := &controlplanev1.CAPTControlPlane{}
	if err := r.Client.Get(ctx, req.NamespacedName, plane); err != nil {
		r.forget(req.NamespacedName)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if r.WatchFilter.Skips(plane) || workspace.MovedAway(plane) {
		r.forget(req.NamespacedName)
		return ctrl.Result{}, nil
	}
	if added, err := finalizers.EnsureFinalizer(ctx, r.Client, plane, controlplanev1.ControlPlaneFinalizer); err != nil || added {
		return ctrl.Result{}, err
	}
	cluster, err := util.GetOwnerCluster(ctx, r.Client, plane.ObjectMeta)
	if client.IgnoreNotFound(err) != nil {
		return ctrl.Result{}, err
	}
	writer, err := phase.NewWriter(r.Client, plane)
	if err != nil {
		return ctrl.Result{}, err
	}
	if isPaused, requeue, err := phase.EnsurePausedCondition(ctx, r.Client, cluster, plane); err != nil || isPaused || requeue {
		return ctrl.Result{}, err
	}
	s := &scope{plane: plane, cluster: cluster}
	defer func() { r.metrics.observe(s, r.Clock.Now()) }()
	result, err := phase.Run(ctx, r.Reporter, plane, s, r.phases(plane))
	plane.Status.ObservedGeneration = plane.Generation
	plane.Status.ExternalManagedControlPlane = ptr.To(true)
	return phase.Finish(ctx, r.Reporter, writer, plane, result, errors.Join(err, phase.Summarize(plane, summary)))
}

func (r *Reconciler) phases(plane *controlplanev1.CAPTControlPlane) []phase.Phase[*scope] {
	const (
		workspace  = controlplanev1.WorkspaceReadyCondition
		endpoint   = controlplanev1.EndpointAvailableCondition
		kubeconfig = controlplanev1.KubeconfigReadyCondition
		connected  = controlplanev1.ConnectedCondition
	)
	if !plane.DeletionTimestamp.IsZero() {
		return []phase.Phase[*scope]{
			{Name: "removeAccount", Condition: connected, Run: r.removeAccount},
			{Name: "deleteWorkspace", Condition: workspace, Run: r.deleteWorkspace},
			{Name: "deleteSecrets", Condition: kubeconfig, Run: r.deleteSecrets},
		}
	}
	return []phase.Phase[*scope]{
		{Name: "findCluster", Condition: workspace, Run: r.findCluster},
		{Name: "tellRollout", Condition: clusterv1.RollingOutCondition, Run: r.tellRollout},
		{Name: "readPublished", Condition: kubeconfig, Run: r.readPublished},
		{Name: "ensureWorkspace", Condition: workspace, Run: r.ensureWorkspace},
		{Name: "readOutputs", Condition: kubeconfig, Run: r.readOutputs},
		{Name: "chooseCredential", Condition: kubeconfig, Run: r.chooseCredential},
		{Name: "tryCredential", Condition: kubeconfig, Run: r.tryCredential},
		{Name: "publishEndpoint", Condition: endpoint, Run: r.publishEndpoint},
		{Name: "publishKubeconfig", Condition: kubeconfig, Run: r.publishKubeconfig},
		{Name: "verify", Condition: connected, Run: r.verify},
		{Name: "reportVersion", Condition: connected, Run: r.reportVersion},
	}
}

// forget forgets a control plane that is gone.
func (r *Reconciler) forget(key client.ObjectKey) {
	r.Clusters.Forget(key)
	r.metrics.forget(key)
}
