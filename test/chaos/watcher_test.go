package chaos

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/captproject/capt/internal/kubeconfig"
)

// watcher sees every version of every Secret, past all faults, and notes what
// CAPT must not have done.
type watcher struct {
	// publishers are the control planes by the names of their Secrets.
	publishers map[string]*plane
	// deletedByOthers tells whether somebody else is to blame for a deletion.
	deletedByOthers func(types.UID) bool
	// open opens a cluster.
	open func(context.Context, []byte) (string, error)

	// last are the Secrets that are there, best the last good kubeconfigs that
	// CAPT wrote, both by name.
	last map[string]*corev1.Secret
	best map[string]*kubeconfig.Kubeconfig

	mu sync.Mutex
	// written counts the versions that are CAPT's.
	written int
	// wrongs are what CAPT must not have done, a line each.
	wrongs []string
	// secrets are all secret texts that were ever in a Secret.
	secrets map[string]bool
}

func newWatcher(w *world, t *tormentor) *watcher {
	watcher := &watcher{
		publishers: map[string]*plane{}, deletedByOthers: t.hasDeleted, open: w.whoAmIDirectly,
		last: map[string]*corev1.Secret{}, best: map[string]*kubeconfig.Kubeconfig{}, secrets: map[string]bool{},
	}
	for _, p := range w.planes {
		for _, name := range []string{p.contractSecret(), p.administratorsSecret(), p.caSecret()} {
			watcher.publishers[name] = p
		}
	}
	return watcher
}

// begin begins to watch, and returns what is to be run then.
func (o *watcher) begin(ctx context.Context, c client.WithWatch) (func(context.Context) error, error) {
	w, err := c.Watch(ctx, &corev1.SecretList{}, client.InNamespace(namespace))
	if err != nil {
		return nil, fmt.Errorf("watch Secrets: %w", err)
	}
	return func(ctx context.Context) error {
		defer w.Stop()
		return eachVersion(ctx, w.ResultChan(), o.see)
	}, nil
}

// eachVersion sees events until ctx ends. A watch that ends earlier is an error: a
// version may have been missed.
func eachVersion(ctx context.Context, events <-chan watch.Event, see func(context.Context, watch.EventType, client.Object) error) error {
	for {
		select {
		case event, open := <-events:
			if version, is := event.Object.(client.Object); is {
				if err := see(ctx, event.Type, version); err != nil {
					return err
				}
				continue
			}
			if ctx.Err() != nil {
				return nil
			}
			if !open {
				return errors.New("a watch has ended")
			}
			return fmt.Errorf("watch: %w", apierrors.FromObject(event.Object))
		case <-ctx.Done():
			return nil
		}
	}
}

// see takes note of one event.
func (o *watcher) see(ctx context.Context, event watch.EventType, version client.Object) error {
	secret := version.(*corev1.Secret)
	o.collect(secret)
	p := o.publishers[secret.Name]
	if p == nil {
		return nil
	}
	before := o.last[secret.Name]
	if event == watch.Deleted {
		delete(o.last, secret.Name)
		if isForeign(secret) && !o.deletedByOthers(secret.UID) {
			o.wrong(secret, "was deleted although it is controlled by %s", controllerName(secret))
		}
		return nil
	}
	o.last[secret.Name] = secret
	if isTorment(before, secret) {
		return nil
	}
	if before == nil && isForeign(secret) {
		return nil // it was there from the beginning
	}
	o.mu.Lock()
	o.written++
	o.mu.Unlock()
	o.judge(ctx, p, before, secret)
	return nil
}

// isTorment tells whether a version is the tormentor's.
func isTorment(before, after *corev1.Secret) bool {
	number, has := after.Annotations[tormentAnnotation]
	return has && (before == nil || before.Annotations[tormentAnnotation] != number)
}

// judge judges what CAPT wrote over what was there before.
func (o *watcher) judge(ctx context.Context, p *plane, before, after *corev1.Secret) {
	if before != nil && isForeign(before) {
		o.wrong(after, "was written although it was controlled by %s", controllerName(before))
	}
	for _, defect := range p.defectsOf(after, time.Now()) {
		o.wrong(after, "was written by CAPT, and %s", defect)
	}
	if after.Name == p.caSecret() {
		return
	}
	next, err := judge(after, time.Now())
	if err != nil {
		return // said already
	}
	switch who, err := o.open(ctx, after.Data[kubeconfig.KubeconfigKey]); {
	case ctx.Err() != nil:
	case err != nil:
		o.wrong(after, "was written by CAPT, and does not open the cluster: %v", err)
	case !strings.HasPrefix(who, p.user()) && !strings.HasPrefix(who, p.moduleUser()):
		o.wrong(after, "was written by CAPT, and opens the cluster as %s", who)
	}
	if best := o.best[after.Name]; best != nil && isValid(best) && sameBearer(next, best) && endsEarlier(next, best) {
		o.wrong(after, "was written by CAPT with a credential that ends at %s, in place of one that ends at %s",
			next.Expires, best.Expires)
	}
	o.best[after.Name] = next
}

func isValid(k *kubeconfig.Kubeconfig) bool { return k.Expires == nil || time.Now().Before(*k.Expires) }

func (o *watcher) wrong(secret *corev1.Secret, format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wrongs = append(o.wrongs, fmt.Sprintf("%s version %s ", secret.Name, secret.ResourceVersion)+fmt.Sprintf(format, args...))
}

// collect keeps the secret texts of any Secret.
func (o *watcher) collect(secret *corev1.Secret) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, value := range secret.Data {
		for _, text := range secretsIn(value) {
			o.secrets[text] = true
		}
	}
}

// seen is what was seen so far.
func (o *watcher) seen() (written int, wrongs, secrets []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for text := range o.secrets {
		secrets = append(secrets, text)
	}
	return o.written, append([]string(nil), o.wrongs...), secrets
}
