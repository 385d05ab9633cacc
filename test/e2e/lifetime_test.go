package e2e

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
)

// shortModule makes a real cluster whose credentials live for so long, and gives
// the token as part of its outputs.
func shortModule(life time.Duration) string {
	return strings.NewReplacer(
		"  kubernetes_version = var.kubernetes_version\n", fmt.Sprintf("  credential_ttl = %q\n", life),
		"output \"kubeconfig\" {\n  value     = localkube_cluster.this.kubeconfig", "output \"token\" {\n  value     = localkube_cluster.this.token",
	).Replace(localkubeModule) + `
output "endpoint" {
  value = localkube_cluster.this.endpoint
}

output "cluster_ca_certificate" {
  value = localkube_cluster.this.cluster_ca_certificate
}
`
}

func (s *sandbox) shortParts(life time.Duration) *parts {
	s.Helper()
	p := s.localkubeParts()
	p.module().Module = shortModule(life)
	p.plane.Spec.Kubeconfig = &controlplanev1.KubeconfigSpec{Credential: controlplanev1.CredentialOutputs}
	return p
}

// consumer uses a cluster with what is published, which it reads anew from time
// to time only: as most do, it does not watch the Secret.
type consumer struct {
	every     time.Duration
	read      time.Time
	resource  string
	clientset *kubernetes.Clientset
	// used counts the requests, and seen the versions of the Secret.
	used, seen int
}

func (s *sandbox) use(c *consumer) error {
	if secret := s.secret(clusterName + "-kubeconfig"); time.Since(c.read) > c.every {
		if secret.ResourceVersion != c.resource {
			c.clientset, c.resource = s.published(clusterName+"-kubeconfig"), secret.ResourceVersion
			c.seen++
		}
		c.read = time.Now()
	}
	_, err := c.clientset.CoreV1().Namespaces().List(s.ctx, metav1.ListOptions{Limit: 1})
	c.used++
	return err
}

// keepUsing has the consumers use the cluster for a while, without one failure.
func (s *sandbox) keepUsing(consumers []*consumer, length time.Duration) {
	s.Helper()
	end := time.After(length)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, c := range consumers {
			s.Expect(s.use(c)).To(Succeed(), "after %d requests and %d versions of the Secret", c.used, c.seen)
		}
		select {
		case <-tick.C:
		case <-end:
			return
		}
	}
}

func TestNoClientFailsWhileCredentialsChange(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	p := s.shortParts(2 * time.Minute)
	s.start(p)
	s.awaitReady(p)
	consumers := []*consumer{{every: 0}, {every: 20 * time.Second}, {every: 45 * time.Second}}
	s.keepUsing(consumers, 150*time.Second)
	for _, c := range consumers {
		s.Expect(c.seen).To(BeNumerically(">=", 3), "credentials of two minutes are renewed each minute")
		s.Expect(c.seen).To(BeNumerically("<=", 6), "and not without need")
	}
	s.Expect(s.warnings()).To(BeEmpty())
	s.get(s.WithT, p.plane.Name, p.plane)
	s.Expect(p.plane).To(hasCondition(controlplanev1.AvailableCondition, metav1.ConditionTrue, ""))
	s.Expect(s.outputs(p)).NotTo(HaveKey("token"))
}

func TestTheManagerIsDownPastTheEndOfACredential(t *testing.T) {
	s := newSandbox(t)
	p := s.shortParts(2 * time.Minute)
	s.start(p)
	s.awaitReady(p)
	id := s.outputs(p)["id"]
	stopManager(t, syscall.SIGKILL)
	before := s.secret(clusterName + "-kubeconfig")
	s.get(s.WithT, p.plane.Name, p.plane)
	expires := p.plane.Status.Kubeconfig.ExpirationTime.Time
	s.Eventually(time.Now).WithTimeout(patience).Should(BeTemporally(">", expires))
	startManager(t)
	s.eventually(func(g Gomega) {
		g.Expect(s.secret(clusterName + "-kubeconfig").Data).NotTo(Equal(before.Data))
		s.get(g, p.plane.Name, p.plane)
		g.Expect(p.plane.Status.Kubeconfig.ExpirationTime.Time).To(BeTemporally(">", time.Now()))
		g.Expect(p.plane).To(hasCondition(controlplanev1.AvailableCondition, metav1.ConditionTrue, ""))
	})
	s.Expect(s.use(&consumer{})).To(Succeed())
	s.Expect(s.outputs(p)).To(HaveKeyWithValue("id", id), "the same cluster")
}

func TestAShortCredentialBecomesAToken(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	p := s.cheapParts()
	p.plane.Spec.Kubeconfig = nil
	s.start(p)
	s.awaitReady(p)
	account := fmt.Sprintf("capt-%s-%s", s.ns, planeName)
	s.Expect(s.whoAmI(clusterName + "-kubeconfig")).To(Equal("system:serviceaccount:kube-system:" + account))
	s.Expect(p.plane.Status.Kubeconfig.Credential).To(Equal(controlplanev1.PublishedServiceAccountToken))
	s.Expect(p.plane.Status.Kubeconfig.RenewalTime.Time).To(BeTemporally("~", time.Now().Add(12*time.Hour), 10*time.Minute))

	good := s.secret(clusterName + "-kubeconfig")
	s.nudge(p)
	s.Expect(s.secret(clusterName+"-kubeconfig")).To(Equal(good), "no write without need")

	// Somebody in the workload cluster takes the account away.
	objects := []client.Object{
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: account}},
		&rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: account}},
	}
	s.Expect(env.Client.Delete(s.ctx, objects[0].DeepCopyObject().(client.Object))).To(Succeed())
	s.eventually(func(g Gomega) {
		s.nudge(p)
		g.Expect(s.secret(clusterName + "-kubeconfig").Data).NotTo(Equal(good.Data))
	})
	s.Expect(s.whoAmI(clusterName + "-kubeconfig")).To(Equal("system:serviceaccount:kube-system:" + account))

	s.deleteAll()
	for _, object := range objects {
		err := env.Client.Get(context.WithoutCancel(s.ctx), client.ObjectKeyFromObject(object), object)
		s.Expect(client.IgnoreNotFound(err)).NotTo(HaveOccurred())
		s.Expect(err).To(HaveOccurred(), "%T %s has gone with the control plane", object, account)
	}
}

func TestWhatOthersKeep(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	p := s.cheapParts()
	theirs := ownSecret(clusterName+"-kubeconfig", "value", s.kubeconfig(nil))
	theirs.Type = "cluster.x-k8s.io/secret"
	theirs.Labels["cluster.x-k8s.io/cluster-name"] = clusterName
	theirs.Annotations = map[string]string{"capt.cluster.x-k8s.io/user-provided": ""}
	s.create(theirs)
	s.start(p)
	s.awaitReady(p)
	s.Expect(p.plane.Status.Kubeconfig.Credential).To(Equal(controlplanev1.PublishedUserProvided))
	s.Expect(s.secret(theirs.Name).ResourceVersion).To(Equal(theirs.ResourceVersion))

	controller := true
	s.change(theirs, func() {
		theirs.Annotations, theirs.Data = nil, map[string][]byte{"value": []byte("of something else")}
		theirs.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "x", UID: "u", Controller: &controller}}
	})
	s.eventually(func(g Gomega) {
		s.get(g, p.plane.Name, p.plane)
		g.Expect(p.plane).To(hasCondition("KubeconfigReady", metav1.ConditionFalse, "SecretForeign", "take-over"))
	})
	s.Expect(s.secret(theirs.Name).ResourceVersion).To(Equal(theirs.ResourceVersion))
	s.change(p.plane, func() {
		p.plane.Annotations = map[string]string{"capt.cluster.x-k8s.io/take-over": theirs.Name}
	})
	s.awaitReady(p)
	s.eventually(func(g Gomega) {
		g.Expect(metav1.IsControlledBy(s.secret(theirs.Name), p.plane)).To(BeTrue())
	})
	s.Expect(s.whoAmI(theirs.Name)).To(Equal(s.user()))
}
