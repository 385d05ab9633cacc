package job

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// A run is woken by its Job, its pod, and the event that says why it has none; and
// by nobody else's.
func TestWhatWakesARun(t *testing.T) {
	w := newWorld(t, module, nil)
	cached, err := CachedObjects()
	w.Expect(err).NotTo(HaveOccurred())
	watched, err := cache.New(env.Config, cache.Options{
		Scheme: env.Scheme, ByObject: cached, DefaultNamespaces: map[string]cache.Config{w.namespace: {}},
	})
	w.Expect(err).NotTo(HaveOccurred())
	w.executor.Cache = watched
	go func() { _ = watched.Start(t.Context()) }()
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer queue.ShutDown()
	for _, source := range w.executor.Sources() {
		w.Expect(source.Start(t.Context(), queue)).To(Succeed())
	}
	w.Expect(watched.WaitForCacheSync(t.Context())).To(BeTrue())
	woken := make(chan reconcile.Request, 100)
	go func() {
		for {
			request, closed := queue.Get()
			if closed {
				return
			}
			queue.Done(request)
			woken <- request
		}
	}()
	run := reconcile.Request{NamespacedName: client.ObjectKey{Namespace: w.namespace, Name: "w-1"}}

	w.ensure()
	w.Eventually(woken).Should(Receive(Equal(run)))
	job := w.job()
	for _, about := range []string{"of-somebody-else", job.Name} {
		w.create(&corev1.Event{
			ObjectMeta:     metav1.ObjectMeta{Namespace: w.namespace, Name: about},
			InvolvedObject: corev1.ObjectReference{Kind: "Job", Namespace: w.namespace, Name: about},
			Reason:         failedCreate, Message: "quota",
		})
	}
	w.Eventually(woken).Should(Receive(Equal(run)))
	pod := w.pod("a")
	w.Eventually(woken).Should(Receive(Equal(run)))
	w.report(pod, corev1.PodRunning, started())
	w.Eventually(woken).Should(Receive(Equal(run)))

	// A pod of somebody else is not even in the cache.
	foreign := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "foreign", Annotations: map[string]string{runAnnotation: "other"}},
		Spec:       pod.Spec,
	}
	w.create(foreign)
	second := w.newRun("second", module, nil)
	w.Expect(w.executor.Ensure(t.Context(), second)).Error().NotTo(HaveOccurred())
	w.Eventually(woken).Should(Receive(HaveField("Name", "second-1")), "the next one is that of a run")
}
