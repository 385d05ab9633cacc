package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/apimachinery/pkg/watch"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/dev/environment"
)

// Names of scenarios.
const (
	localkube     = "localkube"
	terraformData = "terraform_data"
)

// folders are where the manifests of the scenarios are, in the checkout.
var folders = map[string]string{
	localkube:     "examples/localkube",
	terraformData: "test/bench/terraform-data",
}

// scenario is a cluster to be made.
type scenario struct {
	// templates are there before the cluster, by name.
	templates map[string]*infrav1.WorkspaceTemplate
	// objects are the cluster, in the order in which they are created.
	objects []client.Object

	// These are among the objects.
	cluster *clusterv1.Cluster
	infra   *infrav1.CAPTCluster
	plane   *controlplanev1.CAPTControlPlane
}

// readScenario reads templates.yaml and cluster.yaml.
func readScenario(checkout, name string) (*scenario, error) {
	s := &scenario{templates: map[string]*infrav1.WorkspaceTemplate{}}
	for _, file := range []string{"templates.yaml", "cluster.yaml"} {
		path := filepath.Join(checkout, folders[name], file)
		objects, err := readManifests(path)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		for _, object := range objects {
			s.add(object)
		}
	}
	if s.cluster == nil || s.infra == nil || s.plane == nil {
		return nil, fmt.Errorf("%s: a Cluster, a CAPTCluster and a CAPTControlPlane are needed", folders[name])
	}
	for _, ref := range []*infrav1.WorkspaceTemplateReference{s.infra.Spec.WorkspaceTemplateRef, s.plane.Spec.WorkspaceTemplateRef} {
		if ref == nil || s.templates[ref.Name] == nil {
			return nil, fmt.Errorf("%s: both need a template of the same folder", folders[name])
		}
	}
	return s, nil
}

func (s *scenario) add(object client.Object) {
	switch object := object.(type) {
	case *infrav1.WorkspaceTemplate:
		s.templates[object.Name] = object
		return
	case *clusterv1.Cluster:
		s.cluster = object
	case *infrav1.CAPTCluster:
		s.infra = object
	case *controlplanev1.CAPTControlPlane:
		s.plane = object
	}
	s.objects = append(s.objects, object)
}

// readManifests reads the objects of a YAML file.
func readManifests(path string) ([]client.Object, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	decoder := yaml.NewYAMLOrJSONDecoder(file, 4096)
	scheme := environment.Scheme()
	var objects []client.Object
	for {
		var content map[string]any
		err := decoder.Decode(&content)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		if len(content) == 0 {
			continue // nothing but a comment
		}
		object, err := scheme.New((&unstructured.Unstructured{Object: content}).GroupVersionKind())
		if err == nil {
			err = runtime.DefaultUnstructuredConverter.FromUnstructured(content, object)
		}
		if err != nil {
			return nil, err
		}
		objects = append(objects, object.(client.Object))
	}
}

// prepare makes a namespace with everything that the cluster needs before it
// is created.
func (b *bench) prepare(ctx context.Context, s *scenario, namespace string) error {
	if err := b.env.Namespace(ctx, namespace); err != nil {
		return err
	}
	kubeconfig, err := os.ReadFile(b.env.Kubeconfig)
	if err != nil {
		return fmt.Errorf("read the kubeconfig of the management cluster: %w", err)
	}
	objects := []client.Object{&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "management"},
		Data:       map[string][]byte{"kubeconfig": kubeconfig},
	}}
	for _, template := range s.templates {
		objects = append(objects, template)
	}
	return b.create(ctx, objects, namespace)
}

// create makes copies of the objects in the namespace.
func (b *bench) create(ctx context.Context, objects []client.Object, namespace string) error {
	for _, object := range objects {
		object = object.DeepCopyObject().(client.Object)
		object.SetNamespace(namespace)
		if err := b.env.Client.Create(ctx, object); err != nil {
			return fmt.Errorf("create %T %s/%s: %w", object, namespace, object.GetName(), err)
		}
	}
	return nil
}

// delete deletes the cluster and returns when it is gone.
func (b *bench) delete(ctx context.Context, s *scenario, namespace string) error {
	w, err := b.watchOne(ctx, &clusterv1.ClusterList{}, namespace, s.cluster.Name)
	if err != nil {
		return err
	}
	cluster := &clusterv1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: s.cluster.Name}}
	if err := b.env.Client.Delete(ctx, cluster); err != nil {
		w.Stop()
		return fmt.Errorf("delete Cluster %s/%s: %w", namespace, cluster.Name, err)
	}
	if err := b.until(ctx, w, func(event watch.Event) bool { return event.Type == watch.Deleted }); err != nil {
		return fmt.Errorf("wait for the end of Cluster %s/%s: %w", namespace, cluster.Name, err)
	}
	return nil
}
