package e2e

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/cluster-api/util/conditions"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// badInput is a mistake, what is said of it, and what mends it.
type badInput struct {
	name string
	// spoil makes the mistake, before anything but the credential is created.
	spoil func(s *sandbox, p *parts)
	// condition is where it is told: of the control plane, if it is one of
	// those, else of the workspace.
	condition string
	reason    string
	// names are parts of the message: what is wrong, and what to do.
	names []string
	// runs is how many runs end before it is known.
	runs int
	// transient mistakes may pass, and are tried again, at first after 30 s.
	transient bool
	mend      func(s *sandbox, p *parts)
}

var badInputs = []badInput{
	{
		name:      "a template that is not there",
		spoil:     func(_ *sandbox, p *parts) { p.plane.Spec.WorkspaceTemplateRef.Name = "absent" },
		condition: infrav1.InputsResolvedCondition, reason: "TemplateNotFound", names: []string{"absent", "create it"},
		mend: func(s *sandbox, _ *parts) { s.create(template("absent", cheapModule)) },
	},
	{
		name:      "a Secret that is not there",
		spoil:     func(_ *sandbox, p *parts) { p.module().Env[0].SecretKeyRef.Name = "absent" },
		condition: infrav1.InputsResolvedCondition, reason: "SecretNotFound", names: []string{"Secret absent", "env[TF_VAR_kubeconfig]", "create it"},
		mend: func(s *sandbox, _ *parts) { s.create(ownSecret("absent", credentialKey, s.kubeconfig(nil))) },
	},
	{
		name:      "a key that the Secret lacks",
		spoil:     func(_ *sandbox, p *parts) { p.module().Env[0].SecretKeyRef.Key = "absent" },
		condition: infrav1.InputsResolvedCondition, reason: "SecretKeyNotFound", names: []string{`"absent"`, "Secret " + credentialName, "add it"},
		mend: func(s *sandbox, _ *parts) {
			secret := s.secret(credentialName)
			s.change(secret, func() { secret.Data["absent"] = secret.Data[credentialKey] })
		},
	},
	{
		name:      "a ConfigMap that is not there",
		spoil:     func(_ *sandbox, p *parts) { p.module().VarFiles = varFile("absent", "vars") },
		condition: infrav1.InputsResolvedCondition, reason: "ConfigMapNotFound", names: []string{"ConfigMap absent", "varFiles[0]", "create it"},
		mend: func(s *sandbox, _ *parts) { s.create(configMap("absent", "vars", `cluster_name = "other"`)) },
	},
	{
		name: "a key that the ConfigMap lacks",
		spoil: func(s *sandbox, p *parts) {
			s.create(configMap("present", "other", ""))
			p.module().VarFiles = varFile("present", "vars")
		},
		condition: infrav1.InputsResolvedCondition, reason: "ConfigMapKeyNotFound", names: []string{"ConfigMap present", `"vars"`, "add it"},
		mend: func(s *sandbox, _ *parts) {
			found := &corev1.ConfigMap{}
			s.get(s.WithT, "present", found)
			s.change(found, func() { found.Data["vars"] = `cluster_name = "other"` })
		},
	},
	{
		name:      "an object of another namespace",
		spoil:     func(_ *sandbox, p *parts) { p.module().Env[0].SecretKeyRef.Namespace = "kube-system" },
		condition: infrav1.InputsResolvedCondition, reason: "ReferenceNotAllowed", names: []string{credentialName, "kube-system", "leave the namespace out"},
		mend: func(s *sandbox, p *parts) {
			s.change(p.template, func() { p.module().Env[0].SecretKeyRef.Namespace = "" })
		},
	},
	{
		name:      "a name that stands for no variable",
		spoil:     func(_ *sandbox, p *parts) { p.module().Vars = variable("cluster_name", "${nobody}") },
		condition: infrav1.InputsResolvedCondition, reason: "UnknownVariable", names: []string{"${nobody}", "vars[cluster_name]", "spec.variables"},
		mend: func(s *sandbox, p *parts) {
			s.change(p.plane, func() { p.plane.Spec.Variables = map[string]string{"nobody": "somebody"} })
		},
	},
	{
		name:      "an argument that would break the run",
		spoil:     func(_ *sandbox, p *parts) { p.module().PlanArgs = []string{"-lock=false"} },
		condition: infrav1.InputsResolvedCondition, reason: "ArgumentRefused", names: []string{"-lock", "planArgs[0]"},
		mend: func(s *sandbox, p *parts) { s.change(p.template, func() { p.module().PlanArgs = nil }) },
	},
	{
		name:      "a variable without a value",
		spoil:     func(_ *sandbox, p *parts) { p.module().Module += `variable "size" {}` },
		condition: infrav1.AppliedCondition, reason: "VariableMissing", names: []string{"size", "set it in"}, runs: 1,
		mend: func(s *sandbox, p *parts) {
			s.change(p.plane, func() { p.plane.Spec.Variables = map[string]string{"size": "3"} })
		},
	},
	{
		name:      "a variable that the module does not declare",
		spoil:     func(_ *sandbox, p *parts) { p.module().Vars = variable("colour", "red") },
		condition: infrav1.AppliedCondition, reason: "VariableInvalid", names: []string{`"colour"`, "declare it"}, runs: 1,
		mend: func(s *sandbox, p *parts) { s.change(p.template, func() { p.module().Vars = nil }) },
	},
	{
		name:      "a module that does not parse",
		spoil:     func(_ *sandbox, p *parts) { p.module().Module = `resource "terraform_data" {` + cheapModule },
		condition: infrav1.AppliedCondition, reason: "ModuleInvalid", names: []string{".tf:1", "template"}, runs: 1,
		mend: func(s *sandbox, p *parts) { s.change(p.template, func() { p.module().Module = cheapModule }) },
	},
	{
		name: "a module that refers to what is not there",
		spoil: func(_ *sandbox, p *parts) {
			p.module().Module += `output "more" { value = terraform_data.nowhere.output }`
		},
		condition: infrav1.AppliedCondition, reason: "ModuleInvalid", names: []string{"nowhere", ".tf:"}, runs: 1,
		mend: func(s *sandbox, p *parts) { s.change(p.template, func() { p.module().Module = cheapModule }) },
	},
	{
		name: "a provider that cannot be found",
		spoil: func(_ *sandbox, p *parts) {
			p.module().Module += "terraform {\n required_providers {\n nowhere = { source = \"captproject/nowhere\" }\n }\n}\n"
		},
		condition: infrav1.AppliedCondition, reason: "ProviderNotFound", names: []string{"captproject/nowhere"}, runs: 1, transient: true,
		mend: func(s *sandbox, p *parts) { s.change(p.template, func() { p.module().Module = cheapModule }) },
	},
	{
		name:      "a module that lacks an output",
		spoil:     func(_ *sandbox, p *parts) { p.module().Module = `output "endpoint" { value = "https://127.0.0.1:1" }` },
		condition: controlplanev1.KubeconfigReadyCondition, reason: "OutputMissing", names: []string{"token", "client_certificate", "outputs endpoint"}, runs: 1,
		mend: func(s *sandbox, p *parts) { s.change(p.template, func() { p.module().Module = cheapModule }) },
	},
	{
		name:      "an output that is mapped but not there",
		spoil:     func(_ *sandbox, p *parts) { p.plane.Spec.Outputs = map[string]string{"kubeconfig": "config[0].raw"} },
		condition: controlplanev1.KubeconfigReadyCondition, reason: "OutputMissing", names: []string{"config[0].raw", "spec.outputs.kubeconfig"}, runs: 1,
		mend: func(s *sandbox, p *parts) { s.change(p.plane, func() { p.plane.Spec.Outputs = nil }) },
	},
	badKubeconfig("runs a command", "ExecRefused", "exec", withExec),
	badKubeconfig("names a file with the CA", "FilePathRefused", "certificate-authority-data", func(c *clientcmdapi.Cluster, _ *clientcmdapi.AuthInfo) {
		c.CertificateAuthority, c.CertificateAuthorityData = "/etc/ca.crt", nil
	}),
	badKubeconfig("names a file with the token", "FilePathRefused", "tokenFile", func(_ *clientcmdapi.Cluster, u *clientcmdapi.AuthInfo) {
		u.Token, u.TokenFile = "", "/etc/token"
	}),
	badKubeconfig("has a broken CA", "CAInvalid", "CA", func(c *clientcmdapi.Cluster, _ *clientcmdapi.AuthInfo) {
		c.CertificateAuthorityData = brokenPEM("CERTIFICATE")
	}),
	badKubeconfig("has a broken client certificate", "ClientCertificateInvalid", "client certificate", func(_ *clientcmdapi.Cluster, u *clientcmdapi.AuthInfo) {
		u.Token, u.ClientCertificateData, u.ClientKeyData = "", brokenPEM("CERTIFICATE"), brokenPEM("PRIVATE KEY")
	}),
	badKubeconfig("trusts anybody", "InsecureRefused", "insecure-skip-tls-verify", func(c *clientcmdapi.Cluster, _ *clientcmdapi.AuthInfo) {
		c.InsecureSkipTLSVerify, c.CertificateAuthorityData = true, nil
	}),
}

func badKubeconfig(name, reason, thing string, spoil func(*clientcmdapi.Cluster, *clientcmdapi.AuthInfo)) badInput {
	return badInput{
		name:      "a kubeconfig that " + name,
		spoil:     func(s *sandbox, _ *parts) { s.setCredential(s.kubeconfig(spoil)) },
		condition: controlplanev1.KubeconfigReadyCondition, reason: reason, names: []string{thing}, runs: 1,
		mend: func(s *sandbox, _ *parts) { s.setCredential(s.kubeconfig(nil)) },
	}
}

func withExec(_ *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo) {
	user.Token = ""
	user.Exec = &clientcmdapi.ExecConfig{
		APIVersion: "client.authentication.k8s.io/v1", Command: "aws", InteractiveMode: clientcmdapi.NeverExecInteractiveMode,
	}
}

func brokenPEM(kind string) []byte {
	return []byte("-----BEGIN " + kind + "-----\nAAAA\n-----END " + kind + "-----\n")
}

func varFile(configMap, key string) []infrav1.VarFile {
	return []infrav1.VarFile{{Source: infrav1.VarFileConfigMapKey, ConfigMapKeyRef: &infrav1.KeyReference{Name: configMap, Key: key}}}
}

func variable(name, value string) []infrav1.Var {
	return []infrav1.Var{{Key: name, Value: ptr.To(value)}}
}

func configMap(name, key, value string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string]string{key: value}}
}

func TestBadInputIsToldOnceAndMendedWithoutARestart(t *testing.T) {
	t.Parallel()
	for _, bad := range badInputs {
		t.Run(bad.name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			p := s.cheapParts()
			bad.spoil(s, p)
			s.start(p)

			s.eventually(func(g Gomega) {
				g.Expect(s.told(g, p, bad)).To(hasCondition(bad.condition, metav1.ConditionFalse, bad.reason+":", bad.names...))
				s.get(g, p.plane.Name, p.plane)
				g.Expect(p.plane).To(hasCondition(controlplanev1.AvailableCondition, metav1.ConditionFalse, ""))
				g.Expect(s.runs()).To(HaveLen(bad.runs))
				g.Expect(s.warnings()).To(ContainElement(HaveSuffix(bad.reason)))
			})
			s.expectNoSecret(clusterName + "-kubeconfig")
			before := conditions.Get(s.told(s.WithT, p, bad), bad.condition)
			for range 3 {
				s.nudge(p)
			}
			s.expectStill(p, bad, before)

			bad.mend(s, p)
			s.awaitReady(p)
			s.Expect(s.whoAmI(clusterName + "-kubeconfig")).To(Equal(s.user()))
			s.Expect(s.warnings()).To(ConsistOf(expectedWarnings(s, p, bad)))
		})
	}
}

// told is the object that a mistake is told at.
func (s *sandbox) told(g Gomega, p *parts, bad badInput) conditions.Getter {
	if bad.condition == controlplanev1.KubeconfigReadyCondition {
		plane := &controlplanev1.CAPTControlPlane{}
		s.get(g, p.plane.Name, plane)
		return plane
	}
	return s.apply(g, p)
}

// expectStill asserts that reconciles have changed nothing: neither what is
// told, nor when it began, nor how often it was tried or told.
func (s *sandbox) expectStill(p *parts, bad badInput, before *metav1.Condition) {
	s.Helper()
	if bad.transient {
		s.expectBackOff()
		return
	}
	after := conditions.Get(s.told(s.WithT, p, bad), bad.condition)
	after.ObservedGeneration = before.ObservedGeneration
	s.Expect(after).To(Equal(before))
	s.Expect(s.runs()).To(HaveLen(bad.runs))
	s.Expect(s.warnings()).To(ConsistOf(expectedWarnings(s, p, bad)))
}

// expectBackOff asserts that no run began within 25 s of the end of another.
func (s *sandbox) expectBackOff() {
	s.Helper()
	runs := s.runs()
	for _, run := range runs {
		for _, next := range runs {
			if next.Spec.Attempt == run.Spec.Attempt+1 {
				s.Expect(next.CreationTimestamp.Time).To(BeTemporally(">", run.Status.CompletionTime.Add(25*time.Second)))
			}
		}
	}
}

// expectedWarnings are those of the object that the mistake is told at, and of
// each run that ended with it.
func expectedWarnings(s *sandbox, p *parts, bad badInput) []string {
	if bad.condition == controlplanev1.KubeconfigReadyCondition {
		return []string{"CAPTControlPlane " + p.plane.Name + " " + bad.reason}
	}
	expected := []string{"WorkspaceTemplateApply " + p.workspaceName() + " " + bad.reason}
	for _, run := range s.runs() {
		if run.Status.Phase == infrav1.RunFailed {
			expected = append(expected, "WorkspaceRun "+run.Name+" "+bad.reason)
		}
	}
	return expected
}
