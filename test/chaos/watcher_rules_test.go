package chaos

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	"github.com/captproject/capt/internal/kubeconfig"
)

// published is the contract's Secret as CAPT should write it, with a token that
// ends then.
func published(p *plane, ends time.Time) *corev1.Secret {
	claims := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"exp":%d}`, ends.Unix()))
	value := fmt.Sprintf(`{"current-context":"%[1]s","contexts":[{"name":"%[1]s","context":{"cluster":"%[1]s","user":"%[1]s"}}],
"clusters":[{"name":"%[1]s","cluster":{"server":"https://h"}}],"users":[{"name":"%[1]s","user":{"token":"eyJhbGciOiJSUzI1NiJ9.%[2]s.c2ln"}}]}`, p.cluster, claims)
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name: p.contractSecret(), UID: "secret", Labels: map[string]string{clusterv1.ClusterNameLabel: p.cluster},
			OwnerReferences: []metav1.OwnerReference{{Kind: "CAPTControlPlane", Name: p.name, Controller: ptr.To(true)}},
		},
		Type: clusterv1.ClusterSecretType,
		Data: map[string][]byte{"value": []byte(value)},
	}
}

func TestTheWatcherSeesWhatIsWrong(t *testing.T) {
	planes := newPlanes(len(kinds))
	p, another := planes[len(kinds)], planes[0]
	soon, later := time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
	foreign := func(secret *corev1.Secret) {
		secret.OwnerReferences = []metav1.OwnerReference{{Kind: "ConfigMap", Name: "x", Controller: ptr.To(true)}}
	}
	torment := func(secret *corev1.Secret) { metav1.SetMetaDataAnnotation(&secret.ObjectMeta, tormentAnnotation, "1") }
	tests := map[string]struct {
		before, after func(*corev1.Secret)
		ends          time.Time
		event         watch.EventType
		refused       error
		user          string
		wrong         string
	}{
		"nothing":                {ends: later},
		"a torment":              {ends: later, after: func(s *corev1.Secret) { torment(s); s.Data = nil }},
		"a wrong type":           {ends: later, after: func(s *corev1.Secret) { s.Type = "Opaque" }, wrong: "has type"},
		"a wrong label":          {ends: later, after: func(s *corev1.Secret) { s.Labels = nil }, wrong: "has the label"},
		"no owner":               {ends: later, after: func(s *corev1.Secret) { s.OwnerReferences = nil }, wrong: "controlled by nobody"},
		"one key too many":       {ends: later, after: func(s *corev1.Secret) { s.Data["more"] = nil }, wrong: "has the keys"},
		"nonsense":               {ends: later, after: func(s *corev1.Secret) { s.Data["value"] = []byte("nonsense") }, wrong: "holds no good kubeconfig"},
		"an expired credential":  {ends: time.Now().Add(-time.Minute), wrong: "holds no good kubeconfig"},
		"a refused credential":   {ends: later, refused: errors.New("Unauthorized"), wrong: "does not open the cluster"},
		"somebody else's":        {ends: later, user: "system:serviceaccount:kube-system:capt-chaos-another", wrong: "opens the cluster as system:serviceaccount:kube-system:capt-chaos-another"},
		"another cluster's":      {ends: later, after: func(s *corev1.Secret) { s.Data = published(another, later).Data }, wrong: "holds the kubeconfig of the cluster"},
		"an earlier end":         {ends: soon.Add(-time.Minute), wrong: "in place of one that ends"},
		"a foreign one, written": {ends: later, before: func(s *corev1.Secret) { torment(s); foreign(s) }, after: torment, wrong: "although it was controlled by ConfigMap x"},
		"a foreign one, deleted": {ends: later, after: func(s *corev1.Secret) { torment(s); foreign(s) }, event: watch.Deleted, wrong: "was deleted although"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			who, refused := p.user(), error(nil)
			o := &watcher{
				publishers:      map[string]*plane{p.contractSecret(): p},
				deletedByOthers: func(types.UID) bool { return false },
				open:            func(context.Context, []byte) (string, error) { return who, refused },
				last:            map[string]*corev1.Secret{}, best: map[string]*kubeconfig.Kubeconfig{}, secrets: map[string]bool{},
			}
			good, before, after := published(p, soon), published(p, soon), published(p, tt.ends)
			g.Expect(o.see(t.Context(), watch.Added, good)).To(Succeed())
			for _, change := range []struct {
				do     func(*corev1.Secret)
				secret *corev1.Secret
			}{{tt.before, before}, {tt.after, after}} {
				if change.do != nil {
					change.do(change.secret)
				}
			}
			g.Expect(o.see(t.Context(), watch.Modified, before)).To(Succeed())
			_, wrongs, _ := o.seen()
			g.Expect(wrongs).To(BeEmpty())
			who, refused = cmp.Or(tt.user, who), tt.refused
			event := tt.event
			if event == "" {
				event = watch.Modified
			}
			g.Expect(o.see(t.Context(), event, after)).To(Succeed())
			_, wrongs, secrets := o.seen()
			g.Expect(secrets).NotTo(BeEmpty(), "the token is collected")
			if tt.wrong == "" {
				g.Expect(wrongs).To(BeEmpty())
				return
			}
			g.Expect(wrongs).To(ContainElement(ContainSubstring(tt.wrong)))
		})
	}
}

func TestASecretIsFoundInEveryForm(t *testing.T) {
	signature := "q3Zx9LmT0aVbYw7RkPf2UeHdCjN5sGoI8tB1nM4hQyKXEuFzWcDrJvOlSpAi6_-q3Zx"
	for name, secret := range map[string]string{
		"a token":                 "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjF9." + signature,
		"the key of the managers": rand.Text(),
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			c, err := newChips([]string{secret})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(c.in([]byte("all is well: eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjF9"))).To(BeFalse(), "everybody may know that")
			g.Expect(c.in([]byte(`{"message":"secret ` + secret + `"}`))).To(BeTrue())
			for before := range 3 {
				form := base64.StdEncoding.EncodeToString([]byte("secret: ..."[before:] + secret + "..."))
				g.Expect(c.in([]byte(form))).To(BeTrue(), form)
			}
		})
	}
}

func TestNoSecretIsLeftOutOfTheSearch(t *testing.T) {
	g := NewWithT(t)
	_, err := newChips([]string{"too-short-to-be-found"})
	g.Expect(err).To(HaveOccurred())
	broken := &corev1.Secret{Data: published(newPlanes(1)[0], time.Now()).Data}
	breakCredential(broken)
	g.Expect(secretsIn(broken.Data["value"])).To(BeEmpty(), "what is left is no secret")
}

func TestAVersionIsKeptThatIsOverwritten(t *testing.T) {
	g := NewWithT(t)
	events, kept := watch.NewFakeWithChanSize(3, false), &bytes.Buffer{}
	for _, message := range []string{"hush-hush", "all is well"} {
		events.Modify(&controlplanev1.CAPTControlPlane{Status: controlplanev1.CAPTControlPlaneStatus{
			Conditions: []metav1.Condition{{Message: message}},
		}})
	}
	events.Delete(&controlplanev1.CAPTControlPlane{})
	events.Stop()
	err := eachVersion(t.Context(), events.ResultChan(), writeTo(kept))
	g.Expect(err).To(MatchError("a watch has ended"), "a version may have been missed")
	g.Expect(strings.Count(kept.String(), "\n")).To(Equal(3))
	g.Expect(kept.String()).To(And(ContainSubstring("hush-hush"), ContainSubstring("all is well")))
}
