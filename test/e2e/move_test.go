package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	clusterctlv1 "sigs.k8s.io/cluster-api/cmd/clusterctl/api/v1alpha3"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/dev/environment"
	"github.com/captproject/capt/hack/tools/toolbox"
	"github.com/captproject/capt/internal/runner"
	"github.com/captproject/capt/internal/tfstate"
	"github.com/captproject/capt/internal/workspace"
)

// slowPart is a part of a module that is made anew with each turn, and goes on
// until somebody lets it.
const slowPart = `
variable "turn" {
  type = string
}

resource "terraform_data" "slow" {
  triggers_replace = var.turn

  provisioner "local-exec" {
    command     = "echo made >> $dir/made; while ! test -e $dir/go-${var.turn}; do sleep 0.1; done"
    environment = { dir = "DIR" }
  }
}
`

// poolModule tells of Nodes that somebody else makes.
const poolModule = `
variable "namespace" {
  type = string
}

variable "replicas" {
  type = number
}

resource "terraform_data" "this" {
  input = [for i in range(var.replicas) : "cheap://${var.namespace}/${i}"]
}

output "provider_id_list" {
  value = terraform_data.this.output
}

output "replicas" {
  value = var.replicas
}
`

// cheapPool makes a machine pool with its Nodes, and waits for it.
func (s *sandbox) cheapPool() *clusterv1.MachinePool {
	s.Helper()
	const replicas = 2
	for i := range replicas + 1 { // one for later
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d", s.ns, i)}}
		node.Spec.ProviderID = fmt.Sprintf("cheap://%s/%d", s.ns, i)
		node.Status.NodeInfo.KubeletVersion = "v1.36.3"
		node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
		s.Cleanup(func() {
			s.Expect(client.IgnoreNotFound(env.Client.Delete(context.Background(), node))).To(Succeed())
		})
		s.Expect(env.Client.Create(s.ctx, node)).To(Succeed())
	}
	pool, infra := machinePool("workers", replicas)
	s.create(template("nodes", poolModule), infra, pool)
	s.awaitRunning(pool, replicas, "v1.36.3")
	return pool
}

// install does to the CRDs what clusterctl init does: clusterctl moves only what it
// has installed.
func install(s *sandbox, c client.Client) {
	s.Helper()
	crds := &metav1.PartialObjectMetadataList{}
	crds.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinitionList"))
	s.Expect(c.List(s.ctx, crds)).To(Succeed())
	for i := range crds.Items {
		crd := &crds.Items[i]
		crd.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"))
		before := crd.DeepCopy()
		metav1.SetMetaDataLabel(&crd.ObjectMeta, clusterctlv1.ClusterctlLabel, "")
		s.Expect(c.Patch(s.ctx, crd, client.MergeFrom(before))).To(Succeed())
	}
}

// anotherManagement starts a second management cluster for a test.
func (s *sandbox) anotherManagement(options environment.Options) *environment.Environment {
	s.Helper()
	logs, err := os.MkdirTemp("", "capt-e2e-target-")
	s.Expect(err).NotTo(HaveOccurred())
	options.Programs, options.LogDir = &env.Programs, logs
	target, err := environment.Start(s.ctx, options)
	s.Expect(err).NotTo(HaveOccurred())
	s.Cleanup(func() {
		if s.Failed() {
			s.Expect(target.KeepLogs()).To(Succeed())
			s.Log("logs of the target: " + logs)
		}
		s.Expect(target.Stop()).To(Succeed())
	})
	return target
}

// move begins to move the namespace, and returns what gives its end.
func (s *sandbox) move(target *environment.Environment) <-chan error {
	ended := make(chan error, 1)
	go func() {
		envMutex.Lock()
		defer envMutex.Unlock()
		_, err := env.Run(s.ctx, toolbox.Clusterctl, "move", "-n", s.ns, "--to-kubeconfig", target.Kubeconfig)
		ended <- err
	}()
	return ended
}

// made is how often the slow part was made.
func (s *sandbox) made() int {
	content, err := os.ReadFile(filepath.Join(s.dir, "made"))
	s.Expect(err).NotTo(HaveOccurred())
	return strings.Count(string(content), "made")
}

func (s *sandbox) let(turn string) {
	s.Helper()
	s.Expect(os.WriteFile(filepath.Join(s.dir, "go-"+turn), nil, 0o600)).To(Succeed())
}

func TestAClusterIsMovedWhileARunIsActive(t *testing.T) {
	s := newSandbox(t)
	target := s.anotherManagement(environment.Options{})
	install(s, env.Client)
	install(s, target.Client)
	p := s.cheapParts()
	p.module().Module = cheapModule + strings.ReplaceAll(slowPart, "DIR", s.dir) + provisioned(s.dir, "true", "touch $dir/destroyed")
	p.plane.Spec.Variables = map[string]string{"turn": "0"}
	s.let("0")
	s.start(p)
	s.awaitReady(p)
	s.let("1")
	s.change(p.plane, func() { p.plane.Spec.Variables["turn"] = "1" })
	s.eventually(func(g Gomega) { g.Expect(s.made()).To(Equal(2)) })
	s.awaitReady(p)
	// What a template refers to is the user's, who says that it is to be moved.
	credential := s.secret(credentialName)
	s.change(credential, func() { credential.Labels[clusterctlv1.ClusterctlMoveLabel] = "" })
	standalone := s.standalone()
	s.eventually(func(g Gomega) {
		s.get(g, clusterName, p.cluster)
		g.Expect(p.cluster).To(hasCondition(clusterv1.ClusterControlPlaneInitializedCondition, metav1.ConditionTrue, ""))
	})

	pool := s.cheapPool()
	plan := s.ask(pool)

	s.change(p.plane, func() { p.plane.Spec.Variables["turn"] = "2" })
	s.eventually(func(g Gomega) { g.Expect(s.made()).To(Equal(4), "with that of the standalone one") })
	ended := s.move(target)
	s.eventually(func(g Gomega) {
		s.get(g, clusterName, p.cluster)
		g.Expect(p.cluster.Spec.Paused).To(HaveValue(BeTrue()))
	})
	s.Consistently(ended, 2*time.Second).ShouldNot(Receive(), "the run goes on")
	s.let("2")
	s.WithT.Eventually(ended, patience).Should(Receive(BeNil()))

	there := s.in(t)
	there.approve(target, pool, plan)
	there.expectArrived(target, p, pool)
	s.expectNothingOf(p, standalone)
	there.expectDestroyed(target, p)
}

// ask has the pool wait, with one Node more, for a person to approve it, and returns the
// digest of the plan.
func (s *sandbox) ask(pool *clusterv1.MachinePool) string {
	s.Helper()
	apply := &infrav1.WorkspaceTemplateApply{}
	s.get(s.WithT, workspace.OfMachinePool(pool.Name), apply)
	s.change(apply, func() { apply.Spec.Approval.Policy = infrav1.ApprovalManual })
	s.change(pool, func() { pool.Spec.Replicas = ptr.To[int32](3) })
	s.eventually(func(g Gomega) {
		s.get(g, apply.Name, apply)
		g.Expect(apply).To(hasCondition(infrav1.AppliedCondition, metav1.ConditionFalse, "AwaitingApproval"))
		g.Expect(apply.Status.Plan.Digest).NotTo(BeEmpty())
	})
	return apply.Status.Plan.Digest
}

// approve approves the plan at the target, where nothing was run before.
func (s *sandbox) approve(target *environment.Environment, pool *clusterv1.MachinePool, plan string) {
	s.Helper()
	apply := &infrav1.WorkspaceTemplateApply{}
	s.eventually(func(g Gomega) {
		g.Expect(target.Client.Get(s.ctx, client.ObjectKey{Namespace: s.ns, Name: workspace.OfMachinePool(pool.Name)}, apply)).To(Succeed())
		g.Expect(apply).To(hasCondition(infrav1.AppliedCondition, metav1.ConditionFalse, "AwaitingApproval"))
		g.Expect(apply.Status.Plan.Digest).To(Equal(plan))
	})
	runs := &infrav1.WorkspaceRunList{}
	s.Expect(target.Client.List(s.ctx, runs, client.InNamespace(s.ns))).To(Succeed())
	s.Expect(runs.Items).To(HaveLen(5), "the first reconcile runs nothing")
	before := apply.DeepCopy()
	apply.Spec.Approval.ApprovedPlan = plan
	s.Expect(target.Client.Patch(s.ctx, apply, client.MergeFrom(before))).To(Succeed())
}

// standalone makes a workspace that belongs to no Cluster, and waits for it.
func (s *sandbox) standalone() *infrav1.WorkspaceTemplateApply {
	s.Helper()
	standalone := &infrav1.WorkspaceTemplateApply{ObjectMeta: metav1.ObjectMeta{Name: "standalone"}}
	standalone.Spec.TemplateRef.Name = templateName
	standalone.Spec.Variables = map[string]string{"cluster_name": "none", "turn": "1"}
	s.create(standalone)
	s.eventually(func(g Gomega) {
		s.get(g, standalone.Name, standalone)
		g.Expect(standalone).To(hasCondition(infrav1.ReadyCondition, metav1.ConditionTrue, ""))
	})
	return standalone
}

// expectArrived asserts that all is at the target as it was, and that nothing was run
// there but what was approved.
func (s *sandbox) expectArrived(target *environment.Environment, p *parts, pool *clusterv1.MachinePool) {
	s.Helper()
	get := func(g Gomega, name string, into client.Object) {
		g.ExpectWithOffset(1, target.Client.Get(s.ctx, client.ObjectKey{Namespace: s.ns, Name: name}, into)).To(Succeed(), name)
	}
	s.eventually(func(g Gomega) {
		get(g, planeName, p.plane)
		g.Expect(p.plane).To(hasCondition(controlplanev1.AvailableCondition, metav1.ConditionTrue, ""))
		get(g, clusterName, p.cluster)
		g.Expect(p.cluster).To(hasCondition(clusterv1.ClusterAvailableCondition, metav1.ConditionTrue, ""))
		get(g, pool.Name, pool)
		g.Expect(pool.Status.Phase).To(Equal(string(clusterv1.MachinePoolPhaseRunning)))
		g.Expect(pool.Status.NodeRefs).To(HaveLen(3))
		infra := &infrav1.CAPTMachinePool{}
		get(g, pool.Name, infra)
		g.Expect(infra).To(hasCondition(infrav1.ReadyCondition, metav1.ConditionTrue, ""))
		for _, name := range []string{p.workspaceName(), workspace.OfMachinePool(pool.Name)} {
			apply := &infrav1.WorkspaceTemplateApply{}
			get(g, name, apply)
			g.Expect(apply).To(hasCondition(infrav1.ReadyCondition, metav1.ConditionTrue, ""))
		}
	})
	runs := &infrav1.WorkspaceRunList{}
	s.Expect(target.Client.List(s.ctx, runs, client.InNamespace(s.ns))).To(Succeed())
	s.Expect(runs.Items).To(HaveLen(6))
	for _, run := range runs.Items {
		want := infrav1.RunSucceeded
		if run.Name == workspace.OfMachinePool(pool.Name)+"-2" {
			want = infrav1.RunAwaitingApproval
		}
		s.Expect(run.Status.Phase).To(Equal(want), run.Name)
		s.Expect(run.Status.Plan).NotTo(BeZero(), run.Name)
	}
	s.Expect(s.made()).To(Equal(4), "three turns, and the standalone one")
	get(s.WithT, tfstate.VersionName(tfstate.Suffix(s.ns, p.workspaceName()), 1), &corev1.Secret{})
	for _, name := range []string{p.workspaceName(), workspace.OfMachinePool(pool.Name)} {
		for _, kept := range []string{runner.OutputsName(name), runner.ReportsName(name)} {
			secret := &corev1.Secret{}
			get(s.WithT, kept, secret)
			s.Expect(secret.Data).NotTo(BeEmpty(), kept)
		}
	}
	for _, name := range []string{p.workspaceName(), workspace.OfMachinePool(pool.Name)} {
		state := &corev1.Secret{}
		get(s.WithT, tfstate.SecretName(tfstate.Suffix(s.ns, name)), state)
		s.Expect(state.Finalizers).To(ContainElement(tfstate.Finalizer))
	}
	published := &corev1.Secret{}
	get(s.WithT, clusterName+"-kubeconfig", published)
	s.Expect(metav1.IsControlledBy(published, p.plane)).To(BeTrue())
}

// expectNothingOf asserts that the source has only what belongs to no Cluster, whole.
func (s *sandbox) expectNothingOf(p *parts, standalone *infrav1.WorkspaceTemplateApply) {
	s.Helper()
	for _, list := range []client.ObjectList{
		&clusterv1.ClusterList{}, &infrav1.CAPTClusterList{}, &controlplanev1.CAPTControlPlaneList{},
		&clusterv1.MachinePoolList{}, &infrav1.CAPTMachinePoolList{},
	} {
		s.list(list)
		s.Expect(list).To(HaveField("Items", BeEmpty()))
	}
	s.Expect(s.runNames()).To(Equal([]string{standalone.Name + "-1"}))
	// What stays behind: the locks, and what the run has made that the move waited for.
	suffix, poolSuffix := tfstate.Suffix(s.ns, p.workspaceName()), tfstate.Suffix(s.ns, workspace.OfMachinePool("workers"))
	s.Expect(env.Client.Delete(s.ctx, tfstate.NewLease(s.ns, suffix, nil))).To(Succeed())
	s.Expect(env.Client.Delete(s.ctx, tfstate.NewLease(s.ns, poolSuffix, nil))).To(Succeed())
	version := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: tfstate.VersionName(suffix, 2)}}
	s.Expect(env.Client.Delete(s.ctx, version)).To(Succeed())
	secrets := &corev1.SecretList{}
	s.list(secrets)
	for _, secret := range secrets.Items {
		s.Expect(secret.Name).NotTo(Or(ContainSubstring(p.workspaceName()), ContainSubstring("workers"), ContainSubstring(poolSuffix)))
	}
	s.secret(tfstate.SecretName(tfstate.Suffix(s.ns, standalone.Name)))
	s.Expect(filepath.Join(s.dir, "destroyed")).NotTo(BeAnExistingFile())
}

// expectDestroyed deletes the Cluster at the target, and sees it destroyed.
func (s *sandbox) expectDestroyed(target *environment.Environment, p *parts) {
	s.Helper()
	s.Expect(target.Client.Delete(s.ctx, p.cluster)).To(Succeed())
	s.eventually(func(g Gomega) {
		g.Expect(target.Client.Get(s.ctx, client.ObjectKeyFromObject(p.cluster), p.cluster)).To(MatchError(ContainSubstring("not found")))
	})
	s.Expect(filepath.Join(s.dir, "destroyed")).To(BeAnExistingFile())
	secrets := &corev1.SecretList{}
	s.Expect(target.Client.List(s.ctx, secrets, client.InNamespace(s.ns))).To(Succeed())
	for _, secret := range secrets.Items {
		s.Expect(secret.Name).To(Equal(credentialName), "nothing of ours is left")
	}
}
