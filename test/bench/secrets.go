package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	"github.com/captproject/capt/dev/environment"
)

const (
	// secretRounds is how often a Secret is deleted, and a credential renewed.
	secretRounds = 20
	renewals     = 10
)

// secrets is how long the kubeconfig Secret of a cluster took, in seconds.
type secrets struct {
	// Repaired is the time from the deletion of the Secret until it was back.
	Repaired []float64 `json:"repaired"`
	// Published is the time from new outputs to the Secret with them.
	Published []float64 `json:"published"`
	// Writes are the writes to kubeconfig Secrets for each of these renewals: two
	// Secrets hold the kubeconfig.
	Writes []float64 `json:"writes"`
}

// secrets measures on a cluster of its own.
func (b *bench) secrets(ctx context.Context) (*secrets, error) {
	const namespace = "secrets"
	s, err := readScenario(b.env.Programs.Checkout(), terraformData)
	if err != nil {
		return nil, err
	}
	if err := b.prepare(ctx, s, namespace); err != nil {
		return nil, err
	}
	s.plane.Spec.Kubeconfig = &controlplanev1.KubeconfigSpec{Credential: controlplanev1.CredentialOutputs}
	name := s.cluster.Name + "-kubeconfig"
	w, err := b.watchOne(ctx, &corev1.SecretList{}, namespace, name)
	if err != nil {
		return nil, err
	}
	if err := b.create(ctx, s.objects, namespace); err != nil {
		w.Stop()
		return nil, err
	}
	if err := b.until(ctx, w, func(event watch.Event) bool { return event.Type == watch.Added }); err != nil {
		return nil, fmt.Errorf("wait for the Secret: %w", err)
	}
	m := &secrets{}
	b.say("secrets: deleting the Secret %d times", secretRounds)
	for range secretRounds {
		if err := b.repaired(ctx, m, namespace, name); err != nil {
			return nil, err
		}
	}
	b.say("secrets: renewing the credential %d times", renewals)
	for range renewals {
		if err := b.renewed(ctx, m, namespace, name, s.plane.Name+"-control-plane-outputs"); err != nil {
			return nil, err
		}
	}
	return m, b.delete(ctx, s, namespace)
}

// repaired measures from a deletion to the new Secret.
func (b *bench) repaired(ctx context.Context, m *secrets, namespace, name string) error {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	if err := b.env.Client.Get(ctx, client.ObjectKeyFromObject(secret), secret); err != nil {
		return err
	}
	before := secret.UID
	w, err := b.watchOne(ctx, &corev1.SecretList{}, namespace, name)
	if err != nil {
		return err
	}
	start := time.Now()
	if err := b.env.Client.Delete(ctx, secret); err != nil {
		w.Stop()
		return fmt.Errorf("delete the Secret: %w", err)
	}
	if err := b.until(ctx, w, func(event watch.Event) bool {
		return event.Type == watch.Added && event.Object.(*corev1.Secret).UID != before
	}); err != nil {
		return fmt.Errorf("wait for the Secret to come back: %w", err)
	}
	m.Repaired = append(m.Repaired, time.Since(start).Seconds())
	return nil
}

// renewed gives the module a new credential, and measures from the outputs to
// the Secret, both as a watch tells.
func (b *bench) renewed(ctx context.Context, m *secrets, namespace, name, outputs string) error {
	kubeconfig, err := b.newKubeconfig(ctx, namespace)
	if err != nil {
		return err
	}
	w, err := b.env.Client.Watch(ctx, &corev1.SecretList{}, client.InNamespace(namespace))
	if err != nil {
		return fmt.Errorf("watch the Secrets: %w", err)
	}
	start := time.Now()
	management := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "management"}, Data: map[string][]byte{"kubeconfig": kubeconfig}}
	if err := b.env.Client.Update(ctx, management); err != nil {
		w.Stop()
		return fmt.Errorf("give the module another credential: %w", err)
	}
	var stored time.Time
	if err := b.until(ctx, w, func(event watch.Event) bool {
		switch object, is := event.Object.(*corev1.Secret); {
		case !is || event.Type != watch.Modified:
		case object.Name == outputs:
			stored = time.Now()
		case object.Name == name:
			return true
		}
		return false
	}); err != nil {
		return fmt.Errorf("wait for the renewed Secret: %w", err)
	}
	m.Published = append(m.Published, time.Since(stored).Seconds())
	if err := b.pass(ctx, time.Second); err != nil { // the administrators' comes after it
		return err
	}
	writes, err := b.kubeconfigWrites(start, namespace)
	m.Writes = append(m.Writes, float64(writes))
	return err
}

// kubeconfigWrites counts the writes to kubeconfig Secrets since then.
func (b *bench) kubeconfigWrites(since time.Time, namespace string) (int, error) {
	requests, err := b.env.Requests(since)
	if err != nil {
		return 0, err
	}
	requests = slices.DeleteFunc(requests, func(request auditv1.Event) bool {
		object := request.ObjectRef
		return !environment.IsWrite(request) || object == nil || object.Resource != "secrets" ||
			object.Namespace != namespace || !strings.HasSuffix(object.Name, "-kubeconfig")
	})
	return len(requests), nil
}

// newKubeconfig is a kubeconfig of the management cluster with a new token.
func (b *bench) newKubeconfig(ctx context.Context, namespace string) ([]byte, error) {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "bench-"}}
	if err := b.env.Client.Create(ctx, account); err != nil {
		return nil, fmt.Errorf("make a credential: %w", err)
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: account.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: account.Name}},
	}
	if err := b.env.Client.Create(ctx, binding); err != nil {
		return nil, fmt.Errorf("make a credential: %w", err)
	}
	request := &authenticationv1.TokenRequest{}
	if err := b.env.Client.SubResource("token").Create(ctx, account, request); err != nil {
		return nil, fmt.Errorf("make a credential: %w", err)
	}
	return clientcmd.Write(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"c": {Server: b.env.Config.Host, CertificateAuthorityData: b.env.Config.CAData}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"u": {Token: request.Status.Token}},
		Contexts:       map[string]*clientcmdapi.Context{"x": {Cluster: "c", AuthInfo: "u"}},
		CurrentContext: "x",
	})
}

// Aims.
const (
	aimSeconds = 1.0
	aimWrites  = 2.0
)

func (m *secrets) table(text *strings.Builder) {
	fmt.Fprintf(text, "\nThe kubeconfig Secret, %d deletions and %d renewals\n", len(m.Repaired), len(m.Published))
	columns(text, func(line func(string, ...any)) {
		line("\tmin\tmedian\tmax\taim")
		row := func(what string, numbers []float64, most float64, aim string) {
			s := spreadOf(numbers)
			line("%s\t%.2f\t%.2f\t%.2f\t%s", what, s.min, s.median, s.max, verdict(s.median <= most, aim))
		}
		row("seconds from its deletion until it is back", m.Repaired, aimSeconds, "median under 1")
		row("seconds from outputs to Secret", m.Published, aimSeconds, "median under 1")
		row("writes per renewal, of two Secrets with the kubeconfig", m.Writes, aimWrites, "2, one per Secret")
	})
}
