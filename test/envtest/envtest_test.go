package envtest

import (
	"context"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

var env Environment

func TestMain(m *testing.M) { os.Exit(Run(m, &env)) }

func TestServerKnowsTheKinds(t *testing.T) {
	g := NewWithT(t)
	for _, list := range []client.ObjectList{&clusterv1.ClusterList{}, &infrav1.WorkspaceRunList{}, &controlplanev1.CAPTControlPlaneList{}} {
		g.Expect(env.Client.List(context.Background(), list, client.InNamespace(env.Namespace(t)))).To(Succeed())
	}
}

func TestUnknownFieldsAreRefused(t *testing.T) {
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "a", "namespace": env.Namespace(t)}, "dat": map[string]any{},
	}}
	err := env.Client.Create(context.Background(), object)
	NewWithT(t).Expect(apierrors.IsBadRequest(err)).To(BeTrue(), "%v", err)
}

func TestOnlyFinalizersOfAbsentControllersAreLeftOut(t *testing.T) {
	g := NewWithT(t)
	run := &infrav1.WorkspaceRun{ObjectMeta: metav1.ObjectMeta{
		Namespace: env.Namespace(t), Name: "a", Finalizers: []string{infrav1.RunFinalizer, infrav1.WorkspaceFinalizer, "captproject.io/test"},
	}}
	run.Spec = infrav1.WorkspaceRunSpec{
		ApplyName: "a", Operation: infrav1.OperationApply, Attempt: 1,
		InputsRef: infrav1.InputsReference{Name: "i", Digest: strings.Repeat("a", 64)},
	}
	g.Expect(WithoutFinalizers(env.Client).Create(t.Context(), run, client.DryRunAll)).To(Succeed())
	g.Expect(run.Finalizers).To(Equal([]string{"captproject.io/test"}))
}

// Nothing but the end of its input is needed, and that comes with the end of
// the tests, even by a kill.
func TestServerEndsWithItsInput(t *testing.T) {
	g := NewWithT(t)
	other, err := startServer()
	g.Expect(err).NotTo(HaveOccurred())
	connected, err := connect(other.kubeconfig)
	g.Expect(err).NotTo(HaveOccurred())
	cluster := &clusterv1.Cluster{ObjectMeta: metav1.ObjectMeta{Name: "a", Namespace: "default"}}
	g.Expect(apierrors.IsNotFound(connected.Client.Get(context.Background(), client.ObjectKeyFromObject(cluster), cluster))).To(BeTrue())

	g.Expect(other.stdin.Close()).To(Succeed())
	g.Expect(other.process.Wait()).To(Succeed())
	server, err := url.Parse(connected.Config.Host)
	g.Expect(err).NotTo(HaveOccurred())
	_, err = net.Dial("tcp", server.Host)
	g.Expect(err).To(HaveOccurred())
}
