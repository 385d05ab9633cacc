package config_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// The groups of our kinds are those that Cluster API's own role is for, so that it
// needs no other.
func TestClusterAPIMayWriteOurKinds(t *testing.T) {
	g := NewWithT(t)
	grantRoleOfCore(t, "core")
	crds := &apiextensionsv1.CustomResourceDefinitionList{}
	g.Expect(env.Client.List(t.Context(), crds)).To(Succeed())
	asked := 0
	for _, crd := range crds.Items {
		if !strings.HasPrefix(crd.Name, "capt") {
			continue // Cluster API refers to none of the others.
		}
		asked++
		what := authorizationv1.ResourceAttributes{Group: crd.Spec.Group, Resource: crd.Spec.Names.Plural}
		for _, what.Verb = range []string{"create", "delete", "get", "list", "patch", "update", "watch"} {
			g.Eventually(may(t, "core", what)).Should(BeTrue(), "%s %s", what.Verb, crd.Name)
		}
		// To be an owner that is not deleted before what it owns.
		what.Verb, what.Subresource = "update", "finalizers"
		g.Eventually(may(t, "core", what)).Should(BeTrue(), "finalizers of %s", crd.Name)
	}
	g.Expect(asked).To(Equal(8), "kinds that Cluster API refers to, with their templates")
}

// grantRoleOfCore gives a user the ClusterRole of the pinned Cluster API core.
func grantRoleOfCore(t *testing.T, user string) {
	t.Helper()
	g := NewWithT(t)
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/cluster-api").Output()
	g.Expect(err).NotTo(HaveOccurred())
	content, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "core", "config", "rbac", "role.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	role := &rbacv1.ClusterRole{}
	g.Expect(yaml.UnmarshalStrict(content, role)).To(Succeed())
	g.Expect(env.Client.Create(t.Context(), role)).To(Succeed())
	g.Expect(env.Client.Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	})).To(Succeed())
}

// may asks the API server whether a user may do something.
func may(t *testing.T, user string, what authorizationv1.ResourceAttributes) func() bool {
	return func() bool {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: user, ResourceAttributes: &what}}
		NewWithT(t).Expect(env.Client.Create(t.Context(), review)).To(Succeed())
		return review.Status.Allowed
	}
}
