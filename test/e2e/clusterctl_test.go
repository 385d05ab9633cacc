package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/dev/environment"
	"github.com/captproject/capt/hack/tools/toolbox"
)

// site is a management cluster of its own, with Cluster API and without CAPT,
// and a repository of releases on this machine.
type site struct {
	testing.TB
	*WithT
	ctx context.Context
	env *environment.Environment
	// releases is the repository, and config the configuration of clusterctl.
	releases, config string
}

// newSite starts a management cluster. There is no node in it: the Deployments
// that clusterctl makes get no pods, and nothing of cert-manager is there but two
// CRDs.
func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{TB: t, WithT: NewWithT(t), ctx: t.Context(), releases: t.TempDir()}
	own, err := environment.Start(s.ctx, environment.Options{WithoutManager: true})
	s.Expect(err).NotTo(HaveOccurred())
	s.env = own
	t.Cleanup(func() { NewWithT(t).Expect(own.Stop()).To(Succeed()) })
	s.Expect(own.Namespace(s.ctx, metav1.NamespaceDefault)).To(Succeed())
	for _, crd := range s.ourCRDs() {
		s.Expect(own.Client.Delete(s.ctx, &crd)).To(Succeed())
	}
	s.kubectl("apply", "-f", "test/e2e/testdata/cert-manager-crds.yaml")
	s.release("v0.4.0")
	s.addCore()
	return s
}

// ourCRDs are the CRDs of CAPT that are installed.
func (s *site) ourCRDs() []metav1.PartialObjectMetadata {
	s.Helper()
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinitionList"})
	s.Expect(s.env.Client.List(s.ctx, list)).To(Succeed())
	return slices.DeleteFunc(list.Items, func(crd metav1.PartialObjectMetadata) bool {
		return !strings.HasSuffix(crd.Name, "."+infrav1.GroupVersion.Group) && !strings.HasSuffix(crd.Name, "."+controlplanev1.GroupVersion.Group)
	})
}

// release writes a release to the repository.
func (s *site) release(version string) {
	s.Helper()
	cmd := exec.CommandContext(s.ctx, "go", "run", "./hack/release", "-o", s.releases, "-version", version, "-image", "capt:"+version)
	cmd.Dir = s.env.Programs.Checkout()
	output, err := cmd.CombinedOutput()
	s.Expect(err).NotTo(HaveOccurred(), "%s", output)
	s.config = filepath.Join(s.releases, "clusterctl.yaml")
}

// addCore tells clusterctl of the Cluster API core that runs already, as a
// process: its components are the namespace alone.
func (s *site) addCore() {
	s.Helper()
	dir := filepath.Join(s.releases, "cluster-api", "v1.14.2")
	s.write(filepath.Join(dir, "core-components.yaml"), "apiVersion: v1\nkind: Namespace\nmetadata: {name: capi-system}\n")
	s.write(filepath.Join(dir, "metadata.yaml"), `apiVersion: clusterctl.cluster.x-k8s.io/v1alpha3
kind: Metadata
releaseSeries:
- {major: 1, minor: 14, contract: v1beta2}
`)
	content, err := os.ReadFile(s.config)
	s.Expect(err).NotTo(HaveOccurred())
	s.config = filepath.Join(s.releases, "with-core.yaml")
	s.write(s.config, string(content)+fmt.Sprintf("- name: cluster-api\n  type: CoreProvider\n  url: %s/core-components.yaml\n", dir)+flavorVariables)
}

// flavorVariables are what the flavors for clouds ask for. clusterctl takes them
// from its configuration as it does from the environment.
const flavorVariables = `
AWS_REGION: us-east-2
AZURE_LOCATION: northeurope
GCP_PROJECT: a-project
GCP_REGION: europe-west4
`

func (s *site) write(path, content string) {
	s.Helper()
	s.Expect(os.MkdirAll(filepath.Dir(path), 0o700)).To(Succeed())
	s.Expect(os.WriteFile(path, []byte(content), 0o600)).To(Succeed())
}

// clusterctl runs the real one. It asks nobody for newer versions of itself.
func (s *site) clusterctl(args ...string) string {
	s.Helper()
	output, err := s.env.Run(s.ctx, toolbox.Clusterctl, append(args, "--config", s.config)...)
	s.Expect(err).NotTo(HaveOccurred(), output)
	return output
}

func (s *site) kubectl(args ...string) string {
	s.Helper()
	output, err := s.env.Run(s.ctx, toolbox.Kubectl, args...)
	s.Expect(err).NotTo(HaveOccurred(), output)
	return output
}

func (s *site) eventually(check func(g Gomega)) {
	s.Helper()
	s.WithT.Eventually(check).WithContext(s.ctx).WithTimeout(patience).WithPolling(interval).Should(Succeed())
}

// installed are the two Deployments that make CAPT.
var installed = []client.ObjectKey{
	{Namespace: "capt-system", Name: "capt-manager"},
	{Namespace: "capt-control-plane-system", Name: "capt-manager-control-plane"},
}

// deployment reads one that clusterctl has made.
func (s *site) deployment(key client.ObjectKey) *appsv1.Deployment {
	s.Helper()
	deployment := &appsv1.Deployment{}
	s.Expect(s.env.Client.Get(s.ctx, key, deployment)).To(Succeed())
	return deployment
}

// startManagers does what a node would: it runs the Deployments, each with its
// arguments and in the name of its ServiceAccount, but with runs as processes. It
// returns how to end them.
func (s *site) startManagers(deployments []client.ObjectKey) (stop func()) {
	s.Helper()
	var managers []*environment.Manager
	for _, key := range deployments {
		managers = append(managers, s.startManager(key))
	}
	return func() {
		for _, manager := range managers {
			s.Expect(manager.Stop(os.Interrupt)).To(Succeed())
		}
	}
}

func (s *site) startManager(key client.ObjectKey) *environment.Manager {
	s.Helper()
	pod := s.deployment(key).Spec.Template.Spec
	args := append(pod.Containers[0].Args, "--leader-election-namespace="+key.Namespace, "--metrics-bind-address=0",
		"--health-probe-bind-address=0", "--executor=Process")
	manager, err := s.env.RunManager(s.ctx, environment.ManagerOptions{
		Name: key.Name, Kubeconfig: s.accountKubeconfig(key.Namespace, pod.ServiceAccountName), Args: args,
	})
	s.Expect(err).NotTo(HaveOccurred())
	s.Cleanup(func() {
		if s.Failed() {
			log, _ := os.ReadFile(filepath.Join(s.env.LogDir, key.Name+".log"))
			s.Logf("%s: %s", key.Name, log)
		}
	})
	return manager
}

// accountKubeconfig is the path of a kubeconfig of a ServiceAccount.
func (s *site) accountKubeconfig(namespace, name string) string {
	s.Helper()
	request := &authenticationv1.TokenRequest{}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	s.Expect(s.env.Client.SubResource("token").Create(s.ctx, account, request)).To(Succeed())
	path := filepath.Join(s.TempDir(), "kubeconfig")
	s.Expect(clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"c": {Server: s.env.Config.Host, CertificateAuthorityData: s.env.Config.CAData}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"u": {Token: request.Status.Token}},
		Contexts:       map[string]*clientcmdapi.Context{"x": {Cluster: "c", AuthInfo: "u"}},
		CurrentContext: "x",
	}, path)).To(Succeed())
	return path
}

func TestClusterctl(t *testing.T) {
	s := newSite(t)
	s.init("--core", "cluster-api:v1.14.2", "--bootstrap", "-")
	s.expectInstalled("v0.4.0")
	stop := s.startManagers(installed)

	s.makeCluster()
	s.useCluster()
	s.tryLocalkube()
	s.tryClouds()

	runs := s.runs()
	s.upgrade()
	// Pods of the Deployments before would be gone; so are the ServiceAccounts.
	stop()
	stop = s.startManagers(installed)
	s.Expect(s.changeCluster()).To(ConsistOf(append(runs, s.infrastructure()+"-infrastructure-2")), "the upgrade has nothing applied again")

	stop()
	s.installAgain()
	stop = s.startManagers(installed)

	s.failToDelete()
	s.kubectl("delete", "cluster", "shop", "--timeout", patience.String())
	// clusterctl takes no kind away of which there is an object.
	s.kubectl("delete", "clusterclass", "localkube")
	s.kubectl("delete", "captclustertemplates,captcontrolplanetemplates,captmachinepooltemplates,captnobootstraptemplates,workspacetemplates", "--all")
	stop()
	s.deleteProviders()

	s.shareNamespace()
	s.deleteProviders()
	s.takeOver()
}

// failToDelete deletes the cluster while its workers are protected, looks at that
// through clusterctl, and takes the protection away.
func (s *site) failToDelete() {
	s.Helper()
	workers := s.kubectl("get", "captmachinepools", "-o", "jsonpath={.items[*].metadata.name}") + "-machine-pool"
	s.kubectl("patch", "wtapply", workers, "--type=merge", "-p", `{"spec":{"protect":{"types":["localkube_node_pool"]}}}`)
	s.kubectl("delete", "cluster", "shop", "--wait=false")
	s.eventually(func(g Gomega) {
		g.Expect(s.kubectl("get", "wtapply", workers, "-o", `jsonpath={.status.conditions[?(@.type=="Applied")].reason}`)).To(Equal("ProtectedResource"))
		g.Expect(s.clusterctl("describe", "cluster", "shop", "--show-conditions", "all")).To(And(
			MatchRegexp(`DELETED !! CAPTMachinePool default/shop-workers-\w+`),
			MatchRegexp(`Deleting +True +Deleting +\w+ +WorkspaceTemplateApply `+workers),
			ContainSubstring("localkube_node_pool.this"),
			ContainSubstring("─CAPTControlPlane default/shop-"), // what the workers stand on stays
			ContainSubstring("─CAPTCluster default/shop-"),
		))
	})
	s.kubectl("patch", "wtapply", workers, "--type=merge", "-p", `{"spec":{"protect":null}}`)
}

// expectInstalled asserts that both providers are there, each with its own kinds.
func (s *site) expectInstalled(version string) {
	s.Helper()
	for _, key := range installed {
		s.Expect(s.deployment(key).Spec.Template.Spec.Containers[0].Image).To(Equal("docker.io/library/capt:" + version))
	}
	for _, crd := range s.ourCRDs() {
		provider := "infrastructure-capt"
		if strings.HasSuffix(crd.Name, "."+controlplanev1.GroupVersion.Group) {
			provider = "control-plane-capt"
		}
		s.Expect(crd.Labels).To(HaveKeyWithValue(clusterv1.ProviderNameLabel, provider), crd.Name)
	}
	s.Expect(s.kubectl("get", "providers.clusterctl.cluster.x-k8s.io", "-A", "--no-headers")).To(And(
		MatchRegexp(`capt-system +infrastructure-capt .* InfrastructureProvider +capt +%s`, version),
		MatchRegexp(`capt-control-plane-system +control-plane-capt .* ControlPlaneProvider +capt +%s`, version),
	))
}

// generate is the path of a cluster with two workers, as clusterctl has made it.
func (s *site) generate(name, flavor string) string {
	s.Helper()
	path := filepath.Join(s.TempDir(), name+".yaml")
	s.write(path, s.clusterctl("generate", "cluster", name, "--flavor", flavor, "--kubernetes-version", "v1.36.3", "--worker-machine-count", "2"))
	return path
}

// makeCluster makes a cluster of the ClusterClass, which clusterctl adds.
func (s *site) makeCluster() {
	s.Helper()
	s.kubectl("apply", "-f", s.generate("shop", "topology"))
	s.eventually(func(g Gomega) {
		cluster := &clusterv1.Cluster{}
		g.Expect(s.env.Client.Get(s.ctx, client.ObjectKey{Namespace: metav1.NamespaceDefault, Name: "shop"}, cluster)).To(Succeed())
		g.Expect(cluster).To(hasCondition(clusterv1.ClusterAvailableCondition, metav1.ConditionTrue, ""))
		g.Expect(cluster).To(hasCondition(clusterv1.ClusterTopologyReconciledCondition, metav1.ConditionTrue, ""))
		g.Expect(cluster.Status.Workers).To(HaveField("AvailableReplicas", HaveValue(Equal(int32(2)))))
	})
}

// tryLocalkube has the API server look at a cluster without a ClusterClass.
func (s *site) tryLocalkube() {
	s.Helper()
	s.Expect(s.kubectl("apply", "--dry-run=server", "-f", s.generate("stall", "localkube"),
		"-o", `jsonpath={.items[?(@.kind=="MachinePool")].spec.replicas}`)).To(Equal("2"))
}

// tryClouds has the API server look at clusters of the flavors for clouds, with
// what was asked for in them.
func (s *site) tryClouds() {
	s.Helper()
	for flavor, infra := range map[string]string{
		"eks": `{"region":"us-east-2","workspaceTemplateRef":{"name":"eks-network"}}`,
		"gke": `{"region":"europe-west4","values":{"project_id":"a-project"},"workspaceTemplateRef":{"name":"gke-network"}}`,
		"aks": `{"region":"northeurope","workspaceTemplateRef":{"name":"aks-network"}}`,
	} {
		s.Expect(s.kubectl("apply", "--dry-run=server", "-f", s.generate("cloudy", flavor),
			"-o", `jsonpath={.items[*].kind} {.items[?(@.kind=="CAPTCluster")].spec}`)).To(Equal(
			"WorkspaceTemplate WorkspaceTemplate Cluster CAPTCluster CAPTControlPlane "+infra), flavor)
	}
}

// useCluster looks at the cluster through clusterctl.
func (s *site) useCluster() {
	s.Helper()
	s.Expect(s.clusterctl("describe", "cluster", "shop", "--show-conditions", "all")).To(And(
		MatchRegexp(`CAPTCluster default/shop-`),
		MatchRegexp(`CAPTControlPlane default/shop-\w+, v1\.36\.3`),
		MatchRegexp(`MachinePool default/shop-workers-\w+, v1\.36\.3`),
		MatchRegexp(`InfrastructureReady +True`),
		MatchRegexp(`KubeconfigReady +True`),
		MatchRegexp(`RollingOut +False`),
		MatchRegexp(`Deleting +False`),
		Not(ContainSubstring("CAPTMachinePool")),
		Not(ContainSubstring("WorkspaceTemplateApply")),
	))
	s.Expect(s.clusterctl("describe", "cluster", "shop", "--echo")).To(MatchRegexp(`CAPTMachinePool default/shop-workers-\w+ +True`))
	s.expectNodes()
}

// expectNodes asserts that the cluster has two Nodes, with the kubeconfig that
// clusterctl gives.
func (s *site) expectNodes() {
	s.Helper()
	kubeconfig := filepath.Join(s.TempDir(), "shop.kubeconfig")
	s.write(kubeconfig, s.clusterctl("get", "kubeconfig", "shop"))
	s.Expect(s.kubectl("--kubeconfig", kubeconfig, "get", "nodes", "--label-columns", "team")).To(And(
		MatchRegexp(`shop-workers-\w+-0 +Ready .* v1\.36\.3 +a\n`),
		MatchRegexp(`shop-workers-\w+-1 +Ready .* v1\.36\.3 +a\n`),
	))
}

// upgrade goes to the next release of CAPT.
func (s *site) upgrade() {
	s.Helper()
	s.release("v0.4.1")
	s.addCore()
	s.Expect(s.clusterctl("upgrade", "plan")).To(MatchRegexp(`infrastructure-capt +capt-system +InfrastructureProvider +v0\.4\.0 +v0\.4\.1`))
	s.clusterctl("upgrade", "apply", "--contract", "v1beta2")
	s.expectInstalled("v0.4.1")
}

// infrastructure is the name of the cluster's CAPTCluster.
func (s *site) infrastructure() string {
	s.Helper()
	return s.kubectl("get", "cluster", "shop", "-o", "jsonpath={.spec.infrastructureRef.name}")
}

// changeCluster changes a variable of the topology, waits until that is applied,
// and returns the runs that there are then.
func (s *site) changeCluster() []string {
	s.Helper()
	s.kubectl("patch", "cluster", "shop", "--type=json", "-p", `[{"op":"replace","path":"/spec/topology/variables/0/value","value":{"team":"b"}}]`)
	s.kubectl("wait", "workspacerun", s.infrastructure()+"-infrastructure-2", "--for=create", "--timeout", patience.String())
	s.kubectl("wait", "workspacerun", s.infrastructure()+"-infrastructure-2", "--for=condition=Succeeded", "--timeout", patience.String())
	return s.runs()
}

// runs are the names of all runs.
func (s *site) runs() (names []string) {
	s.Helper()
	list := &infrav1.WorkspaceRunList{}
	s.Expect(s.env.Client.List(s.ctx, list)).To(Succeed())
	for _, run := range list.Items {
		names = append(names, run.Name)
	}
	return names
}
