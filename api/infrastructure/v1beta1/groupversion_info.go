package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the group and version of the kinds of this package.
var GroupVersion = schema.GroupVersion{Group: "infrastructure.cluster.x-k8s.io", Version: "v1beta1"}

var (
	schemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

	// AddToScheme adds the kinds of this package to a scheme.
	AddToScheme = schemeBuilder.AddToScheme
)

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&WorkspaceTemplate{}, &WorkspaceTemplateList{},
		&WorkspaceTemplateApply{}, &WorkspaceTemplateApplyList{},
		&WorkspaceRun{}, &WorkspaceRunList{},
		&CAPTCluster{}, &CAPTClusterList{},
		&CAPTClusterTemplate{}, &CAPTClusterTemplateList{},
		&CAPTMachinePool{}, &CAPTMachinePoolList{},
		&CAPTMachinePoolTemplate{}, &CAPTMachinePoolTemplateList{},
		&CAPTNoBootstrap{}, &CAPTNoBootstrapList{},
		&CAPTNoBootstrapTemplate{}, &CAPTNoBootstrapTemplateList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
