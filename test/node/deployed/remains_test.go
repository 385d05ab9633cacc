package deployed

import (
	"context"
	"fmt"
	"strings"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/conditions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// kinds are what CAPT makes in a namespace, and what is made for it.
func kinds() []client.ObjectList {
	return []client.ObjectList{
		&clusterv1.ClusterList{}, &infrav1.CAPTClusterList{}, &controlplanev1.CAPTControlPlaneList{},
		&infrav1.WorkspaceTemplateApplyList{}, &infrav1.WorkspaceRunList{},
		&batchv1.JobList{}, &corev1.PodList{}, &corev1.SecretList{}, &coordinationv1.LeaseList{},
		&corev1.ServiceAccountList{}, &rbacv1.RoleList{}, &rbacv1.RoleBindingList{},
	}
}

// objects calls do for all of those kinds that are in the namespace and not of
// the test or of Kubernetes itself.
func (s *sandbox) objects(ctx context.Context, do func(client.Object)) {
	s.Helper()
	for _, list := range kinds() {
		s.Expect(shared.Client.List(ctx, list, client.InNamespace(s.ns))).To(Succeed())
		s.Expect(meta.EachListItem(list, func(item runtime.Object) error {
			object := item.(client.Object)
			if object.GetLabels()[ofTheTest] == "" && object.GetName() != "default" {
				do(object)
			}
			return nil
		})).To(Succeed())
	}
}

// endsInNothing deletes objects, as a user would, and the namespace at last, and
// sees that nothing is left of either.
func (s *sandbox) endsInNothing(objects ...client.Object) {
	s.Helper()
	for _, object := range objects {
		s.Expect(shared.Client.Delete(s.Context(), object)).To(Succeed())
	}
	s.eventually(func(g Gomega) {
		var left []string
		s.objects(s.Context(), func(object client.Object) { left = append(left, fmt.Sprintf("%T %s", object, object.GetName())) })
		g.Expect(left).To(BeEmpty())
	})
	namespace := s.namespace()
	s.Expect(shared.Client.Delete(s.Context(), namespace)).To(Succeed())
	s.eventually(func(g Gomega) {
		err := shared.Client.Get(s.Context(), client.ObjectKeyFromObject(namespace), namespace)
		g.Expect(apierrors.IsNotFound(err)).To(BeTrue(), "the namespace is still there: %v", err)
	})
}

// describe tells how everything in the namespace stands.
func (s *sandbox) describe(ctx context.Context) string {
	var text strings.Builder
	s.objects(ctx, func(object client.Object) {
		fmt.Fprintf(&text, "%T %s\n", object, object.GetName())
		if getter, ok := object.(conditions.Getter); ok {
			for _, c := range getter.GetConditions() {
				fmt.Fprintf(&text, "    %s=%s %s: %s\n", c.Type, c.Status, c.Reason, c.Message)
			}
		}
	})
	logs, err := shared.Logs(s.ns)
	fmt.Fprintf(&text, "site: %q\nlogs: %v %v\n", s.site.history(), logs, err)
	return text.String()
}
