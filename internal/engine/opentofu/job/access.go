package job

import (
	"context"
	"errors"
	"fmt"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	rbacv1ac "k8s.io/client-go/applyconfigurations/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/runner"
	"github.com/captproject/capt/internal/tfstate"
)

// fieldOwner is who has the fields that are ours in what is applied.
const fieldOwner = client.FieldOwner("capt-manager")

// grant makes what the runner reads and writes, empty, and the right to it: by itself it
// may create no more than the Secrets of its state.
func (e *Executor) grant(ctx context.Context, run *infrav1.WorkspaceRun, spec infrav1.RunnerSpec) error {
	workspace := metav1.GetControllerOf(run)
	if workspace == nil {
		return errors.New("the run has no WorkspaceTemplateApply as its owner")
	}
	for _, object := range kept(run, *workspace) {
		if err := e.ensureExists(ctx, object); err != nil {
			return err
		}
	}
	account, role, binding := access(run, workspace, spec)
	for _, granted := range []struct {
		existing client.Object
		wanted   runtime.ApplyConfiguration
	}{{&corev1.ServiceAccount{}, account}, {&rbacv1.Role{}, role}, {&rbacv1.RoleBinding{}, binding}} {
		if err := e.apply(ctx, run, workspace, granted.existing, granted.wanted); err != nil {
			return err
		}
	}
	return nil
}

// kept are the objects that a runner writes. Outputs and reports go with the
// workspace; state and lock are deleted when there is nothing left in the state.
func kept(run *infrav1.WorkspaceRun, workspace metav1.OwnerReference) []client.Object {
	suffix := tfstate.Suffix(run.Namespace, run.Spec.ApplyName)
	return []client.Object{
		newSecret(run, workspace, runner.OutputsName(run.Spec.ApplyName)),
		newSecret(run, workspace, runner.ReportsName(run.Spec.ApplyName)),
		tfstate.NewSecret(run.Namespace, suffix, run.Labels),
		tfstate.NewLease(run.Namespace, suffix, run.Labels),
	}
}

func newSecret(run *infrav1.WorkspaceRun, workspace metav1.OwnerReference, name string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: run.Namespace, Name: name, Labels: run.Labels, OwnerReferences: []metav1.OwnerReference{workspace},
	}}
}

// notOursError says that a Secret that the runner would write belongs to somebody
// else. The runner must not get a right to it.
type notOursError struct{ secret, workspace string }

func (e *notOursError) Error() string { return runner.SecretNotOurs(e.secret, e.workspace) }

// ensureExists creates an object unless there is one of its name, which must have
// the same owner.
func (e *Executor) ensureExists(ctx context.Context, object client.Object) error {
	existing := object.DeepCopyObject().(client.Object)
	err := e.Live.Get(ctx, client.ObjectKeyFromObject(object), existing)
	owner := metav1.GetControllerOf(object)
	switch {
	case apierrors.IsNotFound(err):
		err = e.Client.Create(ctx, object)
	case err == nil && owner != nil && !isControlledBy(existing, *owner):
		return &notOursError{secret: object.GetName(), workspace: owner.Name}
	}
	if err != nil {
		return fmt.Errorf("making %T %s for the runner: %w", object, object.GetName(), err)
	}
	return nil
}

func isControlledBy(object client.Object, owner metav1.OwnerReference) bool {
	found := metav1.GetControllerOf(object)
	return found != nil && found.UID == owner.UID
}

// access is who a runner is, and what it may: read its inputs, and read and write
// state, lock, outputs and reports. By name only, so that what can be created are
// the parts and versions of the state (see tfstate.SecretNames), and nothing can be
// listed.
func access(run *infrav1.WorkspaceRun, workspace *metav1.OwnerReference, spec infrav1.RunnerSpec) (
	*corev1ac.ServiceAccountApplyConfiguration, *rbacv1ac.RoleApplyConfiguration, *rbacv1ac.RoleBindingApplyConfiguration,
) {
	name, suffix := accessName(run.Spec.ApplyName), tfstate.Suffix(run.Namespace, run.Spec.ApplyName)
	owner := metav1ac.OwnerReference().WithAPIVersion(workspace.APIVersion).WithKind(workspace.Kind).
		WithName(workspace.Name).WithUID(workspace.UID).WithController(true).WithBlockOwnerDeletion(true)
	may := func(group, resource string, names []string, verbs ...string) *rbacv1ac.PolicyRuleApplyConfiguration {
		return rbacv1ac.PolicyRule().WithAPIGroups(group).WithResources(resource).WithResourceNames(names...).WithVerbs(verbs...)
	}
	account := corev1ac.ServiceAccount(name, run.Namespace).WithLabels(run.Labels).WithOwnerReferences(owner).
		WithAnnotations(spec.ServiceAccountAnnotations).WithAutomountServiceAccountToken(false)
	role := rbacv1ac.Role(name, run.Namespace).WithLabels(run.Labels).WithOwnerReferences(owner).WithRules(
		may(corev1.GroupName, "secrets", []string{run.Spec.InputsRef.Name}, "get"),
		may(corev1.GroupName, "secrets", []string{runner.OutputsName(run.Spec.ApplyName), runner.ReportsName(run.Spec.ApplyName)}, "get", "update"),
		may(corev1.GroupName, "secrets", tfstate.SecretNames(suffix), "get", "create", "update", "patch"),
		may(coordinationv1.GroupName, "leases", []string{tfstate.LeaseName(suffix)}, "get", "update"),
	)
	binding := rbacv1ac.RoleBinding(name, run.Namespace).WithLabels(run.Labels).WithOwnerReferences(owner).
		WithRoleRef(rbacv1ac.RoleRef().WithAPIGroup(rbacv1.GroupName).WithKind("Role").WithName(name)).
		WithSubjects(rbacv1ac.Subject().WithKind(rbacv1.ServiceAccountKind).WithNamespace(run.Namespace).WithName(name))
	return account, role, binding
}

// apply makes an object that belongs to the workspace be as it is wanted. One of
// its name that belongs to somebody else is left alone: it may have rights that a
// module must not get.
func (e *Executor) apply(ctx context.Context, run *infrav1.WorkspaceRun, workspace *metav1.OwnerReference,
	existing client.Object, wanted runtime.ApplyConfiguration,
) error {
	name := accessName(run.Spec.ApplyName)
	err := e.Live.Get(ctx, client.ObjectKey{Namespace: run.Namespace, Name: name}, existing)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("reading %T %s: %w", existing, name, err)
	}
	if err == nil && !isControlledBy(existing, *workspace) {
		return fmt.Errorf("there is a %T %s already, which is not of WorkspaceTemplateApply %s; delete it", existing, name, workspace.Name)
	}
	if err := e.Client.Apply(ctx, wanted, fieldOwner, client.ForceOwnership); err != nil {
		return fmt.Errorf("making %T %s: %w", existing, name, err)
	}
	return nil
}
