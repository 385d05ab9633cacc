package api_test

import (
	"context"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/cluster-api/util/contract"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// What people see of each kind: its short names and columns.
var shown = map[string]struct {
	shortNames []string
	columns    []string
}{
	"WorkspaceTemplate":        {[]string{"wt"}, []string{"Source", "Version", "Description", "Age"}},
	"WorkspaceTemplateApply":   {[]string{"wtapply"}, []string{"Template", "Ready", "Reason", "Drifted", "Last Run", "Last Applied", "Age"}},
	"WorkspaceRun":             {[]string{"wrun"}, []string{"Apply", "Operation", "Phase", "Reason", "Add", "Change", "Destroy", "Replace", "Age"}},
	"CAPTCluster":              {[]string{"captc"}, []string{"Cluster", "Ready", "Reason", "Provisioned", "Age"}},
	"CAPTClusterTemplate":      {nil, []string{"Age"}},
	"CAPTMachinePool":          {[]string{"captmp"}, []string{"Cluster", "Ready", "Reason", "Provisioned", "Replicas", "Age"}},
	"CAPTMachinePoolTemplate":  {nil, []string{"Age"}},
	"CAPTNoBootstrap":          {nil, []string{"Cluster", "Age"}},
	"CAPTNoBootstrapTemplate":  {nil, []string{"Age"}},
	"CAPTControlPlane":         {[]string{"captcp"}, []string{"Cluster", "Available", "Kubeconfig", "Initialized", "Endpoint", "Age", "Version", "Credential", "Expires", "Connected"}},
	"CAPTControlPlaneTemplate": {nil, []string{"Age"}},
}

// kinds are the kinds in our Go packages.
func kinds() map[schema.GroupVersionKind]reflect.Type {
	found := map[schema.GroupVersionKind]reflect.Type{}
	for _, version := range []schema.GroupVersion{infrav1.GroupVersion, controlplanev1.GroupVersion} {
		for kind, goType := range env.Scheme.KnownTypes(version) {
			if _, isKind := goType.FieldByName("ObjectMeta"); isKind {
				found[version.WithKind(kind)] = goType
			}
		}
	}
	return found
}

func TestEachKindIsShown(t *testing.T) {
	var names []string
	for kind := range kinds() {
		names = append(names, kind.Kind)
	}
	NewWithT(t).Expect(names).To(ConsistOf(slices.Collect(maps.Keys(shown))))
}

func TestCRDs(t *testing.T) {
	for kind, goType := range kinds() {
		t.Run(kind.Kind, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(env.Scheme.Recognizes(kind.GroupVersion().WithKind(kind.Kind + "List"))).To(BeTrue())

			crd := &apiextensionsv1.CustomResourceDefinition{}
			name := contract.CalculateCRDName(kind.Group, kind.Kind)
			g.Expect(env.Client.Get(context.Background(), client.ObjectKey{Name: name}, crd)).To(Succeed())
			g.Expect(crd.Labels).To(HaveKeyWithValue("cluster.x-k8s.io/v1beta2", kind.Version))
			g.Expect(crd.Spec.Scope).To(Equal(apiextensionsv1.NamespaceScoped))
			g.Expect(crd.Spec.Names.Kind).To(Equal(kind.Kind))
			g.Expect(crd.Spec.Names.Categories).To(ConsistOf("cluster-api", "capt"))
			g.Expect(crd.Spec.Names.ShortNames).To(Equal(shown[kind.Kind].shortNames))

			g.Expect(crd.Spec.Versions).To(HaveLen(1))
			version := crd.Spec.Versions[0]
			g.Expect(version.Name).To(Equal(kind.Version))
			_, hasStatus := goType.FieldByName("Status")
			g.Expect(version.Subresources != nil && version.Subresources.Status != nil).To(Equal(hasStatus))

			var columns []string
			for _, column := range version.AdditionalPrinterColumns {
				columns = append(columns, column.Name)
				g.Expect(column.Description).NotTo(BeEmpty(), column.Name)
			}
			g.Expect(columns).To(Equal(shown[kind.Kind].columns))
			schema := *version.Schema.OpenAPIV3Schema
			delete(schema.Properties, "metadata") // Kubernetes' own
			expectDescribed(t, kind.Kind, schema)
		})
	}
}

// kubernetesOwn are the fields that Kubernetes defines.
var kubernetesOwn = regexp.MustCompile(`\.selector$|\.podTemplate\.spec\.(affinity|resources|tolerations\[\]|volumes\[\]\.\w+)$`)

// expectDescribed checks that each field says what it is, and each list what
// its elements are known by.
func expectDescribed(t *testing.T, path string, field apiextensionsv1.JSONSchemaProps) {
	t.Helper()
	g := NewWithT(t)
	if kubernetesOwn.MatchString(path) {
		return
	}
	if field.Type == "array" {
		g.Expect(field.XListType).NotTo(BeNil(), path)
		keyed := field.Items.Schema.Type == "object" &&
			!strings.HasSuffix(path, ".varFiles") && // whose order counts
			!strings.HasSuffix(path, ".tolerations") // which have no name
		g.Expect(*field.XListType == "map").To(Equal(keyed), path)
		if *field.XListType == "map" {
			g.Expect(field.XListMapKeys).To(HaveLen(1), path)
		}
		g.Expect(field.MaxItems).NotTo(BeNil(), path)
		expectDescribed(t, path+"[]", *field.Items.Schema)
	}
	for name, property := range field.Properties {
		g.Expect(property.Description).NotTo(BeEmpty(), path+"."+name)
		expectDescribed(t, path+"."+name, property)
	}
}
