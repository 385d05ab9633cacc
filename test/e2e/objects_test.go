package e2e

import (
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/workspace"
)

const (
	// ofTheTest labels what is the test's own and may stay.
	ofTheTest = "e2e.captproject.io/of-the-test"

	clusterName  = "shop"
	planeName    = "shop-plane"
	templateName = "cheap"
	// credentialName is the Secret that the cheap module gets its output from.
	credentialName = "credential"
	credentialKey  = "kubeconfig"
)

// parts are what a user creates for a cluster.
type parts struct {
	template *infrav1.WorkspaceTemplate
	cluster  *clusterv1.Cluster
	infra    *infrav1.CAPTCluster
	plane    *controlplanev1.CAPTControlPlane
}

// cheapParts are a cluster with the cheap module, not created yet, so that a
// test can change them. Its credential is there.
func (s *sandbox) cheapParts() *parts {
	s.Helper()
	s.issueCredential()
	return &parts{
		template: template(templateName, cheapModule),
		cluster: &clusterv1.Cluster{
			ObjectMeta: metav1.ObjectMeta{Name: clusterName},
			Spec: clusterv1.ClusterSpec{
				InfrastructureRef: clusterv1.ContractVersionedObjectReference{
					APIGroup: infrav1.GroupVersion.Group, Kind: "CAPTCluster", Name: clusterName,
				},
				ControlPlaneRef: clusterv1.ContractVersionedObjectReference{
					APIGroup: controlplanev1.GroupVersion.Group, Kind: "CAPTControlPlane", Name: planeName,
				},
			},
		},
		infra: &infrav1.CAPTCluster{
			ObjectMeta: metav1.ObjectMeta{Name: clusterName},
			Spec:       infrav1.CAPTClusterSpec{ExistingVPCID: "vpc-1"},
		},
		plane: &controlplanev1.CAPTControlPlane{
			ObjectMeta: metav1.ObjectMeta{Name: planeName},
			Spec: controlplanev1.CAPTControlPlaneSpec{
				Version: "v1.36.3",
				ModuleSpec: controlplanev1.ModuleSpec{
					WorkspaceTemplateRef: &infrav1.WorkspaceTemplateReference{Name: templateName},
					// Its credential lives for an hour: by itself it would not be
					// what is published.
					Kubeconfig: &controlplanev1.KubeconfigSpec{Credential: controlplanev1.CredentialOutputs},
				},
			},
		},
	}
}

// template is an inline module with the credential in its environment.
func template(name, module string) *infrav1.WorkspaceTemplate {
	return &infrav1.WorkspaceTemplate{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: infrav1.WorkspaceTemplateSpec{Template: infrav1.WorkspaceDescription{Spec: infrav1.WorkspaceDescriptionSpec{
			ForProvider: infrav1.ModuleSpec{
				Source: infrav1.ModuleSourceInline,
				Module: module,
				Env: []infrav1.EnvVar{{
					Name:         "TF_VAR_kubeconfig",
					SecretKeyRef: &infrav1.KeyReference{Name: credentialName, Key: credentialKey},
				}},
			},
		}}},
	}
}

// module is the part of the template that tests change.
func (p *parts) module() *infrav1.ModuleSpec { return &p.template.Spec.Template.Spec.ForProvider }

// workspaceName is the name of the control plane's workspace.
func (p *parts) workspaceName() string { return workspace.OfControlPlane(p.plane.Name) }

// start creates all parts.
func (s *sandbox) start(p *parts) {
	s.Helper()
	s.create(p.template, p.infra, p.plane, p.cluster)
}

// readyCluster makes a cluster with the cheap module and waits until it is
// ready.
func (s *sandbox) readyCluster() *parts {
	s.Helper()
	p := s.cheapParts()
	s.start(p)
	s.awaitReady(p)
	return p
}

// awaitReady waits until the control plane is available as it is wanted now,
// and its workspace ready.
func (s *sandbox) awaitReady(p *parts) {
	s.Helper()
	s.eventually(func(g Gomega) {
		s.get(g, p.plane.Name, p.plane)
		g.Expect(p.plane).To(hasCondition(controlplanev1.AvailableCondition, metav1.ConditionTrue, ""))
		g.Expect(p.plane.Status.ObservedGeneration).To(Equal(p.plane.Generation))
		g.Expect(p.plane.Status.Initialization.ControlPlaneInitialized).To(HaveValue(BeTrue()))
	})
}

// apply reads the control plane's workspace.
func (s *sandbox) apply(g Gomega, p *parts) *infrav1.WorkspaceTemplateApply {
	apply := &infrav1.WorkspaceTemplateApply{}
	s.get(g, p.workspaceName(), apply)
	return apply
}

// nudge changes the control plane and its workspace in ways that mean nothing,
// and returns when both have been reconciled because of that.
func (s *sandbox) nudge(p *parts) {
	s.Helper()
	apply := s.apply(s.WithT, p)
	s.change(apply, func() {
		if apply.Spec.RetainWorkspaceOnDelete == nil {
			apply.Spec.RetainWorkspaceOnDelete = ptr.To(false)
		} else {
			apply.Spec.RetainWorkspaceOnDelete = nil
		}
	})
	s.change(p.plane, func() {
		before := int32(0)
		if config := p.plane.Spec.ControlPlaneConfig; config != nil {
			before = config.Timeouts.ControlPlaneTimeout
		}
		p.plane.Spec.ControlPlaneConfig = &controlplanev1.ControlPlaneConfig{Timeouts: &controlplanev1.Timeouts{ControlPlaneTimeout: before + 1}}
	})
	s.eventually(func(g Gomega) {
		apply := s.apply(g, p)
		g.Expect(apply.Status.ObservedGeneration).To(Equal(apply.Generation))
		s.get(g, p.plane.Name, p.plane)
		g.Expect(p.plane.Status.ObservedGeneration).To(Equal(p.plane.Generation))
	})
}

// ownSecret is a Secret of the test's own.
func ownSecret(name, key, value string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{ofTheTest: "true"}},
		Data:       map[string][]byte{key: []byte(value)},
	}
}
