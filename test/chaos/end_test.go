package chaos

import (
	"fmt"
	"time"

	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// deleteAll deletes the control planes, as Cluster API core would, then the
// Clusters, and waits until nothing of them is left.
func (w *world) deleteAll() {
	w.Helper()
	begin := time.Now()
	all := client.InNamespace(namespace)
	w.Expect(w.client.DeleteAllOf(w.ctx, &controlplanev1.CAPTControlPlane{}, all)).To(Succeed())
	w.Eventually(func(g Gomega) {
		left := &controlplanev1.CAPTControlPlaneList{}
		g.Expect(w.client.List(w.ctx, left, all)).To(Succeed())
		g.Expect(left.Items).To(BeEmpty())
	}).WithTimeout(calm).WithPolling(time.Second).Should(Succeed())
	w.Expect(w.client.DeleteAllOf(w.ctx, &clusterv1.Cluster{}, all)).To(Succeed())
	w.Eventually(func(g Gomega) { g.Expect(w.remains(g)).To(BeEmpty()) }).
		WithTimeout(calm).WithPolling(time.Second).Should(Succeed())
	w.expectForeignUntouched()
	w.say("all deleted in %.1f s, and nothing left", time.Since(begin).Seconds())
}

// remains are what is there for the sake of control planes.
func (w *world) remains(g Gomega) []string {
	left, err := w.env.Leftovers()
	g.Expect(err).NotTo(HaveOccurred())
	for _, list := range []client.ObjectList{
		&clusterv1.ClusterList{}, &controlplanev1.CAPTControlPlaneList{}, &infrav1.WorkspaceTemplateApplyList{},
		&infrav1.WorkspaceRunList{}, &corev1.SecretList{}, &coordinationv1.LeaseList{},
	} {
		g.Expect(w.client.List(w.ctx, list, client.InNamespace(namespace))).To(Succeed())
		g.Expect(meta.EachListItem(list, func(item runtime.Object) error {
			object := item.(client.Object)
			if _, ours := object.GetLabels()[ofTheTest]; !ours {
				left = append(left, fmt.Sprintf("%T %s", object, object.GetName()))
			}
			return nil
		})).To(Succeed())
	}
	return left
}
