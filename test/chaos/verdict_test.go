package chaos

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/cluster-api/util/conditions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	"github.com/captproject/capt/internal/kubeconfig"
)

// state is all that CAPT has published, and what it says, at one moment.
type state struct {
	planes  map[string]*controlplanev1.CAPTControlPlane
	secrets map[string]*corev1.Secret
}

func (w *world) look(ctx context.Context) (*state, error) {
	planes, secrets := &controlplanev1.CAPTControlPlaneList{}, &corev1.SecretList{}
	for _, list := range []client.ObjectList{planes, secrets} {
		if err := w.client.List(ctx, list, client.InNamespace(namespace)); err != nil {
			return nil, err
		}
	}
	s := &state{planes: map[string]*controlplanev1.CAPTControlPlane{}, secrets: map[string]*corev1.Secret{}}
	for i := range planes.Items {
		s.planes[planes.Items[i].Name] = &planes.Items[i]
	}
	for i := range secrets.Items {
		s.secrets[secrets.Items[i].Name] = &secrets.Items[i]
	}
	return s, nil
}

// defects lists what is not as it should be with a control plane at rest.
func (s *state) defects(ctx context.Context, p *plane, opens func(context.Context, []byte) (string, error)) (defects []string) {
	for _, name := range p.published() {
		secret := s.secrets[name]
		if secret == nil {
			defects = append(defects, "Secret "+name+" is missing")
			continue
		}
		for _, defect := range p.defectsOf(secret, time.Now()) {
			defects = append(defects, "Secret "+name+" "+defect)
		}
	}
	if len(defects) > 0 {
		return defects
	}
	defects = append(defects, s.disagreements(p)...)
	who, err := opens(ctx, s.secrets[p.contractSecret()].Data[kubeconfig.KubeconfigKey])
	switch {
	case err != nil:
		defects = append(defects, fmt.Sprintf("the kubeconfig does not open the cluster: %v", err))
	case !strings.HasPrefix(who, p.user()):
		defects = append(defects, "the kubeconfig opens the cluster as "+who)
	}
	return append(defects, s.conditionDefects(p)...)
}

// disagreements are where the Secrets, each good in itself, do not fit together.
func (s *state) disagreements(p *plane) (defects []string) {
	contract := s.secrets[p.contractSecret()]
	if !p.foreign && !bytes.Equal(contract.Data[kubeconfig.KubeconfigKey], s.secrets[p.administratorsSecret()].Data[kubeconfig.KubeconfigKey]) {
		defects = append(defects, "the two kubeconfigs differ")
	}
	judged, err := judge(contract, time.Now())
	if err == nil && !bytes.Equal(judged.CA, s.secrets[p.caSecret()].Data[kubeconfig.CACertificateKey]) {
		defects = append(defects, "the CA is another one than in the kubeconfig")
	}
	return defects
}

// conditionDefects is what CAPT should say, and does not.
func (s *state) conditionDefects(p *plane) (defects []string) {
	plane := s.planes[p.name]
	if plane == nil {
		return []string{"there is no CAPTControlPlane"}
	}
	for _, name := range []string{controlplanev1.WorkspaceReadyCondition, controlplanev1.ConnectedCondition, controlplanev1.KubeconfigReadyCondition, controlplanev1.AvailableCondition} {
		wanted := string(metav1.ConditionTrue)
		if p.foreign && name == controlplanev1.KubeconfigReadyCondition {
			wanted = "False SecretForeign"
		} else if p.foreign && name == controlplanev1.AvailableCondition {
			wanted = string(metav1.ConditionFalse)
		}
		if is := conditionText(plane, name); !strings.HasPrefix(is, wanted) {
			defects = append(defects, name+" is "+is)
		}
	}
	if plane.Status.ObservedGeneration != plane.Generation {
		defects = append(defects, "the latest generation was not observed")
	}
	if !ptr.Deref(plane.Status.Initialization.ControlPlaneInitialized, false) {
		defects = append(defects, "it is not initialized")
	}
	return defects
}

func conditionText(plane *controlplanev1.CAPTControlPlane, name string) string {
	c := conditions.Get(plane, name)
	if c == nil {
		return "not there"
	}
	return fmt.Sprintf("%s %s: %s", c.Status, c.Reason, c.Message)
}

// allDefects lists the defects of those control planes that have any.
func (w *world) allDefects(ctx context.Context, planes []*plane) (map[string][]string, error) {
	s, err := w.look(ctx)
	if err != nil {
		return nil, err
	}
	all := map[string][]string{}
	for _, p := range planes {
		if defects := s.defects(ctx, p, whoAmI); len(defects) > 0 {
			all[p.name] = defects
		}
	}
	return all, nil
}

// awaitRight waits until all is right with the control planes, and returns how
// long that took.
func (w *world) awaitRight(planes []*plane, patience time.Duration) time.Duration {
	w.Helper()
	begin := time.Now()
	w.Eventually(func(g Gomega) {
		defects, err := w.allDefects(w.ctx, planes)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(len(defects)).To(BeZero(), "%d of %d control planes are right:\n%s", len(planes)-len(defects), len(planes), list(defects))
	}).WithContext(w.ctx).WithTimeout(patience).WithPolling(500 * time.Millisecond).Should(Succeed())
	return time.Since(begin)
}

func list(defects map[string][]string) string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(defects)) {
		fmt.Fprintf(&text, "%s:\n  %s\n", name, strings.Join(defects[name], "\n  "))
	}
	return text.String()
}

// expectForeignUntouched compares what was never CAPT's with how it was made.
func (w *world) expectForeignUntouched() {
	w.Helper()
	for _, made := range w.foreign {
		now := &corev1.Secret{}
		w.Expect(w.client.Get(w.ctx, client.ObjectKeyFromObject(made), now)).To(Succeed())
		w.Expect(now).To(Equal(made), "a foreign Secret")
	}
}
