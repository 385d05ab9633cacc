package workspace

import (
	"cmp"
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	clusterctlv1 "sigs.k8s.io/cluster-api/cmd/clusterctl/api/v1alpha3"
	"sigs.k8s.io/cluster-api/util/conditions"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/contract"
	"github.com/captproject/capt/internal/phase"
)

// Reasons of conditions that tell of a workspace, besides those of the
// workspace's own conditions.
const (
	// ReasonNameTaken: the workspace's name belongs to another object. Delete or
	// rename that.
	ReasonNameTaken = "WorkspaceNameTaken"
	// ReasonWorkspaceNotReady: the workspace has not been looked at yet. It
	// wakes us.
	ReasonWorkspaceNotReady = "WorkspaceNotReady"
)

// OfCluster is the name of the workspace of a CAPTCluster.
func OfCluster(name string) string { return name + "-infrastructure" }

// OfControlPlane is the name of the workspace of a CAPTControlPlane.
func OfControlPlane(name string) string { return name + "-control-plane" }

// UsedBy is the name of the workspace that a control plane uses: its own, or one
// that exists already.
func UsedBy(plane *controlplanev1.CAPTControlPlane) string {
	return cmp.Or(plane.Spec.WorkspaceTemplateApplyName, OfControlPlane(plane.Name))
}

// OfMachinePool is the name of the workspace of a CAPTMachinePool.
func OfMachinePool(name string) string { return name + "-machine-pool" }

// TakenError says that a workspace cannot be made because another object has
// its name.
type TakenError struct{ name string }

func (e *TakenError) Error() string {
	return fmt.Sprintf("WorkspaceTemplateApply %s exists and belongs to another object; delete it, or choose another name", e.name)
}

// Reason is what conditions show.
func (e *TakenError) Reason() string { return ReasonNameTaken }

// Ensure makes the workspace of an owner be there and be as wanted: mutate sets
// those fields of the spec that the owner decides on and leaves the others,
// which are the users'. The workspace gets the owner's watch filter. It returns the
// workspace as it stands.
func Ensure(ctx context.Context, c client.Client, owner client.Object, name, cluster string, mutate func(*infrav1.WorkspaceTemplateApplySpec)) (*infrav1.WorkspaceTemplateApply, error) {
	apply := &infrav1.WorkspaceTemplateApply{}
	err := c.Get(ctx, client.ObjectKey{Namespace: owner.GetNamespace(), Name: name}, apply)
	if apierrors.IsNotFound(err) {
		return create(ctx, c, owner, name, cluster, mutate)
	}
	if err != nil {
		return nil, fmt.Errorf("reading WorkspaceTemplateApply %s: %w", name, err)
	}
	if !metav1.IsControlledBy(apply, owner) {
		return nil, &TakenError{name: name}
	}
	before := apply.DeepCopy()
	mutate(&apply.Spec)
	handOnFilter(owner, apply)
	if equality.Semantic.DeepEqual(before.Spec, apply.Spec) && equality.Semantic.DeepEqual(before.Labels, apply.Labels) {
		return apply, nil
	}
	if err := c.Patch(ctx, apply, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
		return nil, fmt.Errorf("changing WorkspaceTemplateApply %s: %w", name, err)
	}
	return apply, nil
}

func create(ctx context.Context, c client.Client, owner client.Object, name, cluster string, mutate func(*infrav1.WorkspaceTemplateApplySpec)) (*infrav1.WorkspaceTemplateApply, error) {
	apply := &infrav1.WorkspaceTemplateApply{ObjectMeta: metav1.ObjectMeta{
		Namespace: owner.GetNamespace(),
		Name:      name,
		Labels:    map[string]string{clusterv1.ClusterNameLabel: cluster},
		// As its controller would set them; it takes the annotation away while clusterctl
		// may move it.
		Finalizers:  []string{infrav1.WorkspaceFinalizer},
		Annotations: map[string]string{clusterctlv1.BlockMoveAnnotation: "true"},
	}}
	mutate(&apply.Spec)
	handOnFilter(owner, apply)
	if err := controllerutil.SetControllerReference(owner, apply, c.Scheme()); err != nil {
		return nil, fmt.Errorf("owning WorkspaceTemplateApply %s: %w", name, err)
	}
	if err := c.Create(ctx, apply); err != nil {
		return nil, fmt.Errorf("creating WorkspaceTemplateApply %s: %w", name, err)
	}
	return apply, nil
}

// Delete deletes the workspace of an owner, and tells what is left to be done: "" if
// it is gone. One that belongs to another object counts as gone.
func Delete(ctx context.Context, c client.Client, live client.Reader, owner client.Object, name string) (string, error) {
	apply := &infrav1.WorkspaceTemplateApply{}
	// Live: a cache that has not seen the workspace yet would leave it behind.
	if err := live.Get(ctx, client.ObjectKey{Namespace: owner.GetNamespace(), Name: name}, apply); err != nil {
		if apierrors.IsNotFound(err) {
			return "", nil
		}
		return "", fmt.Errorf("reading WorkspaceTemplateApply %s: %w", name, err)
	}
	if !metav1.IsControlledBy(apply, owner) {
		return "", nil
	}
	if !apply.DeletionTimestamp.IsZero() {
		return going(apply), nil
	}
	if err := c.Delete(ctx, apply); client.IgnoreNotFound(err) != nil {
		return "", fmt.Errorf("deleting WorkspaceTemplateApply %s: %w", name, err)
	}
	return going(apply), nil
}

// going tells of a workspace that is being deleted, in its own words if it has said
// any since: why it is still there is asked of its owner.
func going(apply *infrav1.WorkspaceTemplateApply) string {
	text := fmt.Sprintf("WorkspaceTemplateApply %s is being deleted", apply.Name)
	applied := conditions.Get(apply, infrav1.AppliedCondition)
	if apply.DeletionTimestamp.IsZero() || applied == nil || applied.Status == metav1.ConditionTrue || applied.ObservedGeneration != apply.Generation {
		return text
	}
	return text + ": " + applied.Message
}

// Standing tells how a workspace stands, in its own words. What depends on its
// outputs may proceed if there are any: they are those of the last success.
func Standing(apply *infrav1.WorkspaceTemplateApply) phase.Outcome {
	if conditions.IsTrue(apply, infrav1.ReadyCondition) && apply.Status.ObservedGeneration == apply.Generation {
		return phase.Done()
	}
	outcome := phase.Wait(ReasonWorkspaceNotReady, fmt.Sprintf("WorkspaceTemplateApply %s has not been looked at yet", apply.Name), 0)
	for _, condition := range []string{infrav1.InputsResolvedCondition, infrav1.AppliedCondition, infrav1.OutputsStoredCondition} {
		if found := conditions.Get(apply, condition); found != nil && found.Status != metav1.ConditionTrue {
			outcome = phase.Wait(found.Reason, fmt.Sprintf("WorkspaceTemplateApply %s: %s", apply.Name, found.Message), 0)
			break
		}
	}
	if apply.Status.OutputsSecretName != "" {
		return outcome.Proceed()
	}
	return outcome
}

// ApplyAgain asks for the module to be applied although its inputs have not
// changed.
func ApplyAgain(ctx context.Context, c client.Client, apply *infrav1.WorkspaceTemplateApply, now time.Time) error {
	before := apply.DeepCopy()
	metav1.SetMetaDataAnnotation(&apply.ObjectMeta, infrav1.ApplyRequestAnnotation, now.UTC().Format(time.RFC3339))
	// With a lock: whoever has asked meanwhile has asked for us as well.
	if err := c.Patch(ctx, apply, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
		return fmt.Errorf("asking for WorkspaceTemplateApply %s to be applied again: %w", apply.Name, err)
	}
	return nil
}

// AskedToApplyAgain returns when that was last asked for, zero if never or at no
// time that can be read, and whether a run has ended since.
func AskedToApplyAgain(apply *infrav1.WorkspaceTemplateApply) (at time.Time, handled bool) {
	request := apply.ApplyRequest()
	at, _ = time.Parse(time.RFC3339, request) // a user may ask in other words
	return at, request == "" || request == apply.Status.LastHandledApplyRequest
}

// Outputs reads the outputs of the last success of a workspace, and when they
// were made.
func Outputs(ctx context.Context, live client.Reader, apply *infrav1.WorkspaceTemplateApply) (contract.Outputs, time.Time, error) {
	secret := &corev1.Secret{}
	key := client.ObjectKey{Namespace: apply.Namespace, Name: apply.Status.OutputsSecretName}
	if err := live.Get(ctx, key, secret); err != nil {
		return nil, time.Time{}, fmt.Errorf("reading the outputs of WorkspaceTemplateApply %s: %w", apply.Name, err)
	}
	made := apply.Status.LastAppliedTime.Time
	if made.IsZero() { // the status did not come along with a move
		made = secret.CreationTimestamp.Time
	}
	outputs, err := contract.Decode(secret.Data[contract.SecretKey])
	return outputs, made, err
}
