package e2e

import (
	"syscall"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/conditions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/dev/environment"
)

// sharing is a management cluster whose managers a test starts by itself.
type sharing struct {
	*sandbox
	*environment.Environment
	parts *parts
}

func newSharing(t *testing.T) *sharing {
	t.Helper()
	s := newSandbox(t)
	other := s.anotherManagement(environment.Options{WithoutManager: true})
	return &sharing{sandbox: s, Environment: other, parts: s.cheapParts()}
}

// instance starts a manager. All have the same namespace here, so there can be no Lease.
func (w *sharing) instance(name string, args ...string) *environment.Manager {
	w.Helper()
	manager, err := w.RunManager(w.ctx, environment.ManagerOptions{
		Name: name, Args: append(args, "--leader-elect=false", "--work-dir="+w.dir+"/"+name),
	})
	w.Expect(err).NotTo(HaveOccurred())
	return manager
}

// cluster creates one in a namespace of its own, with a label for one of the instances.
func (w *sharing) cluster(namespace, label string) {
	w.Helper()
	w.Expect(w.Namespace(w.ctx, namespace)).To(Succeed())
	q := w.another(w.parts, clusterName)
	for _, object := range []client.Object{w.parts.template.DeepCopy(), ownSecret(credentialName, credentialKey, w.kubeconfig(nil)), q.infra, q.plane, q.cluster} {
		object.SetNamespace(namespace)
		if label != "" {
			object.SetLabels(map[string]string{clusterv1.WatchLabel: label})
		}
		w.Expect(w.Client.Create(w.ctx, object)).To(Succeed())
	}
}

func (w *sharing) plane(g Gomega, namespace string) *controlplanev1.CAPTControlPlane {
	plane := &controlplanev1.CAPTControlPlane{}
	g.Expect(w.Client.Get(w.ctx, client.ObjectKey{Namespace: namespace, Name: clusterName}, plane)).To(Succeed())
	return plane
}

func (w *sharing) awaitAvailable(namespace string) {
	w.Helper()
	w.eventually(func(g Gomega) {
		g.Expect(w.plane(g, namespace)).To(hasCondition(controlplanev1.AvailableCondition, metav1.ConditionTrue, ""))
	})
}

func (w *sharing) expectUntouched(namespace string) {
	w.Helper()
	plane := w.plane(w.WithT, namespace)
	w.Expect(plane.Finalizers).To(BeEmpty())
	w.Expect(plane.Status.Conditions).To(BeEmpty())
	runs := &infrav1.WorkspaceRunList{}
	w.Expect(w.Client.List(w.ctx, runs, client.InNamespace(namespace))).To(Succeed())
	w.Expect(runs.Items).To(BeEmpty())
}

func TestInstancesShareAManagementCluster(t *testing.T) {
	t.Parallel()
	w := newSharing(t)
	w.cluster("blue", "blue")
	w.cluster("green", "green")
	w.cluster("nobody", "")
	w.cluster("alone", "")
	w.instance("of-blue", "--watch-filter=blue")
	green := w.instance("of-green", "--watch-filter=green")
	w.instance("of-alone", "--namespace=alone")
	for _, namespace := range []string{"blue", "green", "alone"} {
		w.awaitAvailable(namespace)
	}
	w.expectUntouched("nobody")

	// Nobody steps in for one that is gone, and one that comes back takes over what it
	// was given meanwhile.
	w.Expect(green.Stop(syscall.SIGTERM)).To(Succeed())
	for _, object := range []client.Object{&infrav1.CAPTCluster{}, &controlplanev1.CAPTControlPlane{}} {
		w.Expect(w.Client.Get(w.ctx, client.ObjectKey{Namespace: "nobody", Name: clusterName}, object)).To(Succeed())
		before := object.DeepCopyObject().(client.Object)
		labels := object.GetLabels()
		if labels == nil {
			labels = map[string]string{}
		}
		labels[clusterv1.WatchLabel] = "green"
		object.SetLabels(labels)
		w.Expect(w.Client.Patch(w.ctx, object, client.MergeFrom(before))).To(Succeed())
	}
	w.Expect(w.Client.Delete(w.ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "green", Name: clusterName + "-kubeconfig"}})).To(Succeed())
	w.Expect(w.Client.Delete(w.ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "blue", Name: clusterName + "-kubeconfig"}})).To(Succeed())
	there := func(namespace string) error {
		return w.Client.Get(w.ctx, client.ObjectKey{Namespace: namespace, Name: clusterName + "-kubeconfig"}, &corev1.Secret{})
	}
	w.eventually(func(g Gomega) { g.Expect(there("blue")).To(Succeed()) })
	w.Expect(there("green")).NotTo(Succeed())
	w.expectUntouched("nobody")
	w.instance("of-green-again", "--watch-filter=green")
	w.eventually(func(g Gomega) { g.Expect(there("green")).To(Succeed()) })
	w.awaitAvailable("nobody")
}

func TestInfrastructureThatSomebodyElseManagesIsLeftToThem(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	p := s.cheapParts()
	p.infra.Annotations = map[string]string{clusterv1.ManagedByAnnotation: "somebody"}
	p.infra.Spec = infrav1.CAPTClusterSpec{WorkspaceTemplateRef: &infrav1.WorkspaceTemplateReference{Name: "made-elsewhere"}}
	s.start(p)
	s.eventually(func(g Gomega) {
		s.get(g, p.infra.Name, p.infra)
		g.Expect(p.infra.OwnerReferences).To(HaveLen(1), "Cluster API has seen it")
	})
	s.get(s.WithT, p.plane.Name, p.plane)
	s.Expect(conditions.IsTrue(p.plane, controlplanev1.AvailableCondition)).To(BeFalse())

	// What somebody else does who has made it.
	s.Expect(p.infra.Finalizers).To(BeEmpty())
	s.Expect(p.infra.Status).To(Equal(infrav1.CAPTClusterStatus{}))
	before := p.infra.DeepCopy()
	p.infra.Status.Initialization.Provisioned = ptr.To(true)
	s.Expect(env.Client.Status().Patch(s.ctx, p.infra, client.MergeFrom(before))).To(Succeed())
	s.awaitReady(p)
	s.eventually(func(g Gomega) {
		s.get(g, p.cluster.Name, p.cluster)
		g.Expect(p.cluster).To(hasCondition(clusterv1.ClusterAvailableCondition, metav1.ConditionTrue, ""))
	})
	s.Expect(s.runNames()).To(HaveLen(1), "that of the control plane")
	s.get(s.WithT, p.infra.Name, p.infra)
	s.Expect(p.infra.Finalizers).To(BeEmpty())
	s.Expect(p.infra.Status.Conditions).To(BeEmpty())
}
