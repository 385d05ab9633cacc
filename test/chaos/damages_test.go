package chaos

import (
	"context"
	"regexp"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
)

// damage is something that is done to a published Secret. It gets the Secret as
// it was a moment ago.
type damage struct {
	name string
	do   func(t *tormentor, ctx context.Context, secret *corev1.Secret) error
}

// takeover is the damage that lasts until the Secret is given back.
const takeover = "taken over"

var damages = []damage{
	{"deleted", (*tormentor).delete},
	{"overwritten", changing(func(secret *corev1.Secret) {
		for name := range secret.Data {
			secret.Data[name] = []byte("nonsense")
		}
	})},
	{"emptied", changing(func(secret *corev1.Secret) { secret.Data = nil })},
	{"key added", changing(func(secret *corev1.Secret) {
		secret.Data = map[string][]byte{"value": secret.Data["value"], "more": []byte("more")}
	})},
	{"credential broken", changing(breakCredential)},
	{"led astray", changing(leadAstray)},
	{"label removed", changing(func(secret *corev1.Secret) { delete(secret.Labels, clusterv1.ClusterNameLabel) })},
	{"label changed", changing(func(secret *corev1.Secret) {
		metav1.SetMetaDataLabel(&secret.ObjectMeta, clusterv1.ClusterNameLabel, "another")
	})},
	{"owner removed", disowning(func(*world) []metav1.OwnerReference { return nil })},
	{"frozen", changing(func(secret *corev1.Secret) { secret.Data, secret.Immutable = nil, ptr.To(true) })},
	{"retyped", (*tormentor).retype},
	{takeover, disowning(func(w *world) []metav1.OwnerReference { return []metav1.OwnerReference{w.claim()} })},
}

func changing(mutate func(*corev1.Secret)) func(*tormentor, context.Context, *corev1.Secret) error {
	return func(t *tormentor, ctx context.Context, secret *corev1.Secret) error {
		return t.change(ctx, secret, mutate)
	}
}

// disowning gives a Secret other owners. One of another type is spared: without
// its owner it would be a user's, whom CAPT leaves alone for good.
func disowning(owners func(*world) []metav1.OwnerReference) func(*tormentor, context.Context, *corev1.Secret) error {
	return func(t *tormentor, ctx context.Context, secret *corev1.Secret) error {
		return t.change(ctx, secret, func(secret *corev1.Secret) {
			if secret.Type == clusterv1.ClusterSecretType {
				secret.OwnerReferences = owners(t.w)
			}
		})
	}
}

var (
	// webToken is a JSON web token.
	webToken = regexp.MustCompile(`(eyJ[\w-]+\.[\w-]+)\.([\w-]+)`)
	server   = regexp.MustCompile(`server: https://\S+`)
)

// brokenSignature is what breakCredential leaves of the secret part of a token.
const brokenSignature = "AAAA"

// breakCredential leaves a kubeconfig that looks good, with a token that no
// server takes.
func breakCredential(secret *corev1.Secret) {
	value := secret.Data["value"]
	secret.Data = map[string][]byte{"value": webToken.ReplaceAll(value, []byte("$1."+brokenSignature))}
}

// leadAstray leaves a kubeconfig that looks good and leads elsewhere.
func leadAstray(secret *corev1.Secret) {
	value := secret.Data["value"]
	secret.Data = map[string][]byte{"value": server.ReplaceAll(value, []byte("server: https://127.0.0.1:1"))}
}

// retype makes the Secret anew as one of another type, still the control
// plane's: without an owner it would be a user's, whom CAPT leaves alone.
func (t *tormentor) retype(ctx context.Context, secret *corev1.Secret) error {
	opaque := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: secret.Namespace, Name: secret.Name, Labels: secret.Labels},
		Type:       corev1.SecretTypeOpaque,
		Data:       secret.Data,
	}
	t.sign(opaque)
	plane := &controlplanev1.CAPTControlPlane{}
	if err := t.w.client.Get(ctx, key(t.w.publisher(secret.Name).name), plane); err != nil {
		return err
	}
	opaque.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(plane, controlplanev1.GroupVersion.WithKind("CAPTControlPlane"))}
	if err := t.delete(ctx, secret); err != nil {
		return err
	}
	// CAPT may be faster, and then this damage is none.
	return t.w.client.Create(ctx, opaque)
}
