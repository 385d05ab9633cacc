// Package config_test shows that what people install is accepted by a real API
// server.
package config_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/spf13/pflag"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/captproject/capt/hack/tools/toolbox"
	"github.com/captproject/capt/internal/manager"
	"github.com/captproject/capt/test/envtest"
)

var env envtest.Environment

func TestMain(m *testing.M) { os.Exit(envtest.Run(m, &env)) }

// render is what `kubectl apply -k` would send.
func render(t *testing.T, dir string) []*unstructured.Unstructured {
	t.Helper()
	g := NewWithT(t)
	programs, err := toolbox.Ensure(context.Background(), os.Stderr, toolbox.Kubectl)
	g.Expect(err).NotTo(HaveOccurred())
	output, err := exec.Command(programs.Path(toolbox.Kubectl), "kustomize", dir).Output()
	g.Expect(err).NotTo(HaveOccurred())
	var objects []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(output), 4096)
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		g.Expect(err).NotTo(HaveOccurred())
		objects = append(objects, object)
	}
}

func TestEverythingIsAccepted(t *testing.T) {
	g := NewWithT(t)
	names := map[string]int{}
	deployment := managerIn(t, "default")
	for _, object := range render(t, "default") {
		names[object.GetKind()]++
		// The CRDs are there already, the same ones.
		err := env.Client.Create(t.Context(), object, client.FieldOwner("install"))
		g.Expect(client.IgnoreAlreadyExists(err)).To(Succeed(), "%s %s", object.GetKind(), object.GetName())
	}
	bases, err := filepath.Glob("crd/bases/*.yaml")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(names).To(Equal(map[string]int{
		"Namespace": 1, "ServiceAccount": 1, "ClusterRole": 1, "ClusterRoleBinding": 1, "Deployment": 1, "CustomResourceDefinition": len(bases),
	}))

	// The namespace enforces the restricted pod security standard.
	template := deployment.Spec.Template
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: deployment.Namespace, Name: "try", Labels: template.Labels}, Spec: template.Spec}
	g.Expect(env.Client.Create(t.Context(), pod)).To(Succeed())

	binding := &rbacv1.ClusterRoleBinding{}
	g.Expect(env.Client.Get(t.Context(), client.ObjectKey{Name: "capt-manager"}, binding)).To(Succeed())
	g.Expect(binding.Subjects).To(ConsistOf(rbacv1.Subject{
		Kind: rbacv1.ServiceAccountKind, Namespace: deployment.Namespace, Name: template.Spec.ServiceAccountName,
	}))
}

// What clusterctl installs is the same in two parts, each with its own kinds.
func TestTheProvidersAreAccepted(t *testing.T) {
	for dir, provider := range map[string]struct{ flag, namespace, label, crds string }{
		"infrastructure": {"Infrastructure", "capt-system", "infrastructure-capt", "infrastructure.cluster.x-k8s.io"},
		"control-plane":  {"ControlPlane", "capt-control-plane-system", "control-plane-capt", "controlplane.cluster.x-k8s.io"},
	} {
		t.Run(dir, func(t *testing.T) {
			g := NewWithT(t)
			var crds []string
			namespaces := 0
			for _, object := range render(t, dir) {
				g.Expect(object.GetLabels()).To(HaveKeyWithValue("cluster.x-k8s.io/provider", provider.label))
				g.Expect(object.GetNamespace()).To(BeElementOf("", provider.namespace))
				switch object.GetKind() {
				case "CustomResourceDefinition":
					crds = append(crds, object.GetName())
				case "Namespace":
					namespaces++
				case "Deployment":
					flags := flagsOf(t, deploymentOf(t, object))
					g.Expect(flags.Lookup("provider").Value.String()).To(Equal(provider.flag))
					g.Expect(flags.Lookup("leader-elect").Value.String()).To(Equal("true"))
				}
				// Over what config/default has installed, if that was there before.
				err := env.Client.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("install"), client.ForceOwnership)
				g.Expect(err).NotTo(HaveOccurred(), "%s %s", object.GetKind(), object.GetName())
			}
			g.Expect(namespaces).To(Equal(1), "clusterctl refuses more, and wants to be told of one if there is none")
			bases, err := filepath.Glob("crd/bases/" + provider.crds + "_*.yaml")
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(crds).To(HaveLen(len(bases)))
			g.Expect(crds).To(HaveEach(HaveSuffix("." + provider.crds)))
		})
	}
}

// Each of them has pods of its own, also where they share a namespace.
func TestTheProvidersSelectTheirOwnPods(t *testing.T) {
	g := NewWithT(t)
	providers := []*appsv1.Deployment{managerIn(t, "infrastructure"), managerIn(t, "control-plane")}
	for i, one := range providers {
		selector, err := metav1.LabelSelectorAsSelector(one.Spec.Selector)
		g.Expect(err).NotTo(HaveOccurred())
		for j, other := range providers {
			g.Expect(selector.Matches(labels.Set(other.Spec.Template.Labels))).To(Equal(i == j), "%s and pods of %s", one.Name, other.Name)
		}
	}
	g.Expect(providers[0].Spec.Selector).To(Equal(managerIn(t, "default").Spec.Selector), "it is immutable, and clusterctl may take over")
}

// managerIn is the Deployment in a folder.
func managerIn(t *testing.T, dir string) *appsv1.Deployment {
	t.Helper()
	for _, object := range render(t, dir) {
		if object.GetKind() == "Deployment" {
			return deploymentOf(t, object)
		}
	}
	t.Fatalf("there is no Deployment in %s", dir)
	return nil
}

func deploymentOf(t *testing.T, object *unstructured.Unstructured) *appsv1.Deployment {
	t.Helper()
	deployment := &appsv1.Deployment{}
	NewWithT(t).Expect(runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, deployment)).To(Succeed())
	return deployment
}

// flagsOf are the flags of the manager, as a Deployment sets them.
func flagsOf(t *testing.T, deployment *appsv1.Deployment) *pflag.FlagSet {
	t.Helper()
	flags := pflag.NewFlagSet("manager", pflag.ContinueOnError)
	manager.NewOptions().AddFlags(flags)
	NewWithT(t).Expect(flags.Parse(deployment.Spec.Template.Spec.Containers[0].Args)).To(Succeed())
	return flags
}

func TestTheManagerKnowsItsFlags(t *testing.T) {
	g := NewWithT(t)
	deployment := managerIn(t, "manager")
	g.Expect(deployment.Spec.Template.Spec.Containers).To(HaveExactElements(HaveField("Name", "manager")), "clusterctl looks for it")
	flags := flagsOf(t, deployment)
	g.Expect(flags.Lookup("executor").Value.String()).To(Equal("Job"))
	g.Expect(flags.Lookup("leader-elect").Value.String()).To(Equal("true"))
	g.Expect(flags.Lookup("namespace")).NotTo(BeNil(), "clusterctl wants it to be known")
}
