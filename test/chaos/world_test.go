package chaos

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/captproject/capt/dev/environment"
	"github.com/captproject/capt/test/chaos/proxy"
)

const (
	namespace = "chaos"
	// ofTheTest labels what is the test's own.
	ofTheTest = "chaos.captproject.io/of-the-test"
)

// world is the management cluster and all that the test knows of it.
type world struct {
	*WithT
	testing.TB
	settings
	ctx     context.Context
	started time.Time

	env    *environment.Environment
	client client.WithWatch
	// front is the API server as CAPT sees it, side the one of the clusters.
	front, side *proxy.Proxy
	// manager is the path of the manager whose clock jumps.
	manager string
	// usurper controls what does not belong to CAPT.
	usurper *corev1.ConfigMap
	planes  []*plane
	// foreign are the Secrets that were never CAPT's, as they were made.
	foreign []*corev1.Secret
}

// newWorld starts everything but the managers.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{WithT: NewWithT(t), TB: t, settings: readSettings(t), ctx: t.Context(), started: time.Now()}
	w.say("%s", w.settings)
	t.Cleanup(func() {
		if t.Failed() {
			w.say("FAILED; the same again: %s make chaos", w.settings)
		}
	})
	logs, err := os.MkdirTemp("", "capt-chaos-") //nolint:usetesting // logs of a test that fails are kept
	w.Expect(err).NotTo(HaveOccurred())
	w.env, err = environment.Start(w.ctx, environment.Options{
		Out: os.Stderr, LogDir: logs, WithoutCore: true, WithoutManager: true, ManagerArgs: []string{"-v=4"},
	})
	w.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() {
		if t.Failed() {
			w.say("logs: %s", logs)
			w.Expect(w.env.KeepLogs()).To(Succeed())
		}
		w.Expect(w.env.Stop()).To(Succeed())
	})
	w.client = w.env.Client
	w.planes = newPlanes(w.settings.planes)
	w.manager, err = w.env.BuildManager(w.ctx, "./test/clock/manager")
	w.Expect(err).NotTo(HaveOccurred())
	w.startProxies()
	w.makeNamespace()
	return w
}

// say tells whoever waits what happens.
func (w *world) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%6.1f s  %s\n", time.Since(w.started).Seconds(), fmt.Sprintf(format, args...))
}

// startProxies starts the two faulty API servers, without faults yet.
func (w *world) startProxies() {
	path, err := w.env.ManagerKubeconfig(w.ctx)
	w.Expect(err).NotTo(HaveOccurred())
	manager, err := clientcmd.BuildConfigFromFlags("", path)
	w.Expect(err).NotTo(HaveOccurred())
	manager.QPS = -1
	w.front, err = proxy.ForOwner(manager, w.seed)
	w.Expect(err).NotTo(HaveOccurred())
	w.Cleanup(func() { w.Expect(w.front.Stop()).To(Succeed()) })
	w.side, err = proxy.ForCallers(rest.CopyConfig(w.env.Config), w.seed+1)
	w.Expect(err).NotTo(HaveOccurred())
	w.Cleanup(func() { w.Expect(w.side.Stop()).To(Succeed()) })
	kubeconfig, err := w.front.Kubeconfig()
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(os.WriteFile(w.frontKubeconfig(), kubeconfig, 0o600)).To(Succeed())
}

// frontKubeconfig is the path of the managers' kubeconfig.
func (w *world) frontKubeconfig() string { return filepath.Join(w.env.Root, "front.kubeconfig") }

// throw begins and ends the faults of both API servers.
func (w *world) throw(faults bool) {
	w.front.Throw(faults)
	w.side.Throw(faults)
}

// makeNamespace makes what is there before the first control plane.
func (w *world) makeNamespace() {
	w.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	w.usurper = &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "usurper"}}
	w.create(w.usurper)
	w.create(w.newInputs())
	w.create(newTemplate())
	for _, p := range w.planes {
		if !p.foreign {
			continue
		}
		secret := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: namespace, Name: p.administratorsSecret(),
				Labels: map[string]string{ofTheTest: ""}, OwnerReferences: []metav1.OwnerReference{w.claim()},
			},
			Type: "cluster.x-k8s.io/secret",
			Data: map[string][]byte{"value": []byte("theirs")},
		}
		w.create(secret)
		w.foreign = append(w.foreign, secret)
	}
}

// claim is the usurper as the controller of something.
func (w *world) claim() metav1.OwnerReference {
	return metav1.OwnerReference{
		APIVersion: "v1", Kind: "ConfigMap", Name: w.usurper.Name, UID: w.usurper.UID, Controller: ptr.To(true),
	}
}

func (w *world) create(object client.Object) {
	w.Helper()
	w.Expect(w.client.Create(w.ctx, object)).To(Succeed(), "create %T %s", object, object.GetName())
}

// key is that of an object in the namespace.
func key(name string) client.ObjectKey { return client.ObjectKey{Namespace: namespace, Name: name} }
