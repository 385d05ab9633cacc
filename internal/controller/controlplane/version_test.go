package controlplane

import (
	"testing"
	"time"

	"github.com/blang/semver/v4"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/version"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

func TestSemanticVersion(t *testing.T) {
	for word, want := range map[string]string{
		"v1.34.1":                  "v1.34.1",
		"1.34.1":                   "v1.34.1",
		"v1.34.1-eks-113cf36":      "v1.34.1+eks-113cf36",
		"1.34.1-gke.1234000":       "v1.34.1+gke.1234000",
		"v1.34.1-aliyun.01":        "v1.34.1+aliyun.01",
		"v1.34.1-r0-34.0.4.1":      "v1.34.1+r0-34.0.4.1",
		"v1.34.1+k3s1":             "v1.34.1+k3s1",
		"v1.34.1-gke.5+abc":        "v1.34.1+gke.5",
		"v1.34.1-rcloud.3":         "v1.34.1+rcloud.3",
		"v1.35.0-alpha.0.12+abcde": "v1.35.0-alpha.0.12+abcde",
		"v1.35.0-beta.2":           "v1.35.0-beta.2",
		"v1.35.0-rc.1-eks-2":       "v1.35.0-rc.1+eks-2",
		"v1.34.1-..":               "v1.34.1",
		"1.34":                     "",
		"v1.34-eks-1":              "",
		"":                         "",
		"latest":                   "",
	} {
		t.Run(word, func(t *testing.T) {
			g := NewWithT(t)
			got := semanticVersion(word)
			g.Expect(got).To(Equal(want))
			if want != "" {
				_, err := semver.ParseTolerant(got)
				g.Expect(err).NotTo(HaveOccurred(), "Cluster API reads it")
			}
		})
	}
}

// isUpgrading is what Cluster API concludes, in ControlPlaneContract.IsUpgrading.
func isUpgrading(g Gomega, wanted, told string) bool {
	spec, err := semver.ParseTolerant(wanted)
	g.Expect(err).NotTo(HaveOccurred())
	status, err := semver.ParseTolerant(told)
	g.Expect(err).NotTo(HaveOccurred())
	return version.Compare(spec, status, version.WithBuildTags()) >= 1
}

func TestClusterAPISeesTheEndOfAnUpgrade(t *testing.T) {
	for runs, tt := range map[string]struct {
		wanted    string
		upgrading bool
	}{
		"v1.34.9-eks-1":   {"v1.35.0", true},
		"v1.35.0-eks-1":   {"v1.35.0", false},
		"v1.35.0-gke.123": {"v1.35.0", false},
		"1.35.0-gke.124":  {"v1.35.0-gke.123", false},
		"v1.35.0+k3s1":    {"v1.35.0+k3s1", false},
		"v1.35.0+k3s2":    {"v1.35.0+k3s3", true},
		"v1.35.1+rke2r1":  {"v1.35.1", false},
		"v1.35.0-rc.1":    {"v1.35.0", true},
		"v1.35.1-eks-2":   {"v1.35.0", false},
		"v1.35.1-gke.3":   {"v1.35.2", true},
	} {
		t.Run(runs, func(t *testing.T) {
			g := NewWithT(t)
			told := semanticVersion(runs)
			g.Expect(isUpgrading(g, tt.wanted, told)).To(Equal(tt.upgrading))
			g.Expect(older(told, tt.wanted)).To(Equal(tt.upgrading), "RollingOut says the same")
		})
	}
	g := NewWithT(t)
	g.Expect(isUpgrading(g, "v1.35.0", "v1.35.0-eks-1")).To(BeTrue(), "what a cloud says is not told as it is")
}

func TestOlder(t *testing.T) {
	g := NewWithT(t)
	g.Expect(older("v1.34.1", "v1.34.2")).To(BeTrue())
	g.Expect(older("v1.34.1+eks-1", "1.35")).To(BeTrue())
	g.Expect(older("v1.34.1", "1.34")).To(BeFalse(), "any of them")
	g.Expect(older("v1.35.0", "v1.34.9")).To(BeFalse())
	g.Expect(older("", "v1.34.1")).To(BeFalse(), "not known yet")
	g.Expect(older("v1.34.1", "v1.34-eks-1")).To(BeFalse(), "nobody can read it")
}

func TestTheVersionThatRuns(t *testing.T) {
	for name, tt := range map[string]struct{ module, server, want string }{
		"the module's word comes first":       {"v1.33.2", "v1.34.1", "v1.33.2"},
		"and is read by semver":               {"1.33.2-gke.7", "v1.34.1", "v1.33.2+gke.7"},
		"without a patch it is none":          {"1.34", "v1.34.0-eks-1", "v1.34.0+eks-1"},
		"the server's comes next":             {"", "v1.34.0-eks-1", "v1.34.0+eks-1"},
		"what is wanted, if nobody says more": {"1.34", "", "v1.34.1"},
		"which goes for the server too":       {"", "1.34", "v1.34.1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.clusters.version = tt.server
			w.reconcile()
			outputs := parts("hush-hush")
			if tt.module != "" {
				outputs["kubernetes_version"] = tt.module
			}
			w.stands(w.apply(), "", outputs)
			w.reconcile()
			w.Expect(w.plane().Status.Version).To(Equal(tt.want))
			w.Expect(w.plane().Status.Versions).To(HaveExactElements(clusterv1.StatusVersion{Version: tt.want}))
		})
	}
}

// Cluster API has the workers follow what is told.
func TestWhatIsWantedIsNotToldBeforeItIsApplied(t *testing.T) {
	w := newWith(t, &controlplanev1.KubeconfigSpec{Verify: "Static"}, jwt("module", noon, time.Hour))
	w.stands(w.apply(), "Applying", nil)
	w.settle()
	w.Expect(w.condition("Connected")).To(Equal("True NotAsked"))
	w.Expect(w.plane().Status.Version).To(BeEmpty(), "the first run is not over")
	w.stands(w.apply(), "", nil)
	w.reconcile()
	w.Expect(w.plane().Status.Version).To(Equal("v1.34.1"))

	plane := w.plane()
	plane.Spec.Version = "v1.35.0"
	w.update(plane)
	for _, reason := range []string{"", "Applying", "ApplyFailed"} {
		if reason != "" {
			w.stands(w.apply(), reason, nil)
		}
		w.settle()
		w.Expect(w.plane().Status.Version).To(Equal("v1.34.1"), "after "+reason)
		w.Expect(w.condition("RollingOut")).To(Equal("True RollingOut"))
	}
	w.stands(w.apply(), "", nil)
	w.settle()
	w.Expect(w.plane().Status.Version).To(Equal("v1.35.0"))
	w.Expect(w.plane().Status.Versions).To(HaveExactElements(clusterv1.StatusVersion{Version: "v1.35.0"}))
	w.Expect(w.condition("RollingOut")).To(Equal("False NotRollingOut"))
}

// A workspace that could not be changed stands as well as before.
func TestWhatIsWantedIsNotToldWhileTheWorkspaceCannotBeChanged(t *testing.T) {
	w := newWith(t, &controlplanev1.KubeconfigSpec{Verify: "Static"}, jwt("module", noon, time.Hour))
	w.settle()
	w.delete(&infrav1.CAPTCluster{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "i"}})
	plane := w.plane()
	plane.Spec.Version = "v1.35.0"
	w.update(plane)
	_, err := w.tryReconcile()
	w.Expect(err).To(MatchError(ContainSubstring("reading CAPTCluster i")))
	w.Expect(w.condition("Connected")).To(Equal("True NotAsked"))
	w.Expect(w.plane().Status.Version).To(Equal("v1.34.1"))
}

func TestAnAnswerFromBeforeARunDoesNotCount(t *testing.T) {
	w := newPublished(t)
	applied := func(at time.Duration) {
		apply := w.apply()
		apply.Status.LastAppliedTime = metav1.NewTime(noon.Add(at))
		w.Expect(env.Client.Status().Update(t.Context(), apply)).To(Succeed())
	}
	for _, tt := range []struct {
		why                 string
		applied, now, since time.Duration
	}{
		{"a run ended a moment ago", 58 * time.Second, time.Minute, 58 * time.Second},
		{"a run ended right now", time.Minute, time.Minute, time.Minute},
		{"a run ended long ago", 20 * time.Second, time.Minute, 50 * time.Second},
		{"a run ended by another clock", time.Hour, time.Minute, 50 * time.Second},
	} {
		applied(tt.applied)
		w.at(tt.now).reconcile()
		w.Expect(w.clusters.since.UTC()).To(Equal(noon.Add(tt.since)), tt.why)
	}
}
