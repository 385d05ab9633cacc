package inputs

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

func TestModule(t *testing.T) {
	for name, tc := range map[string]struct {
		edit func(s spec)
		want Module
	}{
		"inline": {edit: func(spec) {}, want: Module{Source: "Inline", Content: "# nothing", Format: "HCL"}},
		"inline JSON": {
			edit: func(s spec) { s.InlineFormat, s.Module = infrav1.FormatJSON, "{}" },
			want: Module{Source: "Inline", Content: "{}", Format: "JSON"},
		},
		"remote": {
			edit: func(s spec) {
				s.Source, s.Module, s.Configuration, s.LockFile = infrav1.ModuleSourceRemote, "oci://example.com/m", "provider {}", "lock"
				s.Entrypoint = text("./a//b/")
			},
			want: Module{Source: "Remote", Content: "oci://example.com/m", Entrypoint: "a/b", Configuration: "provider {}", LockFile: "lock"},
		},
		// The API server of CAPT 0.3 set it so.
		"an empty entrypoint is the root": {
			edit: func(s spec) { s.Source, s.Entrypoint = infrav1.ModuleSourceRemote, text("") },
			want: Module{Source: "Remote", Content: "# nothing"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(newGiven(tc.edit).render(t).Module).To(Equal(tc.want))
		})
	}
	for _, entrypoint := range []string{"..", "../a", "a/../../b", "/a"} {
		g := NewWithT(t)
		err := newGiven(func(s spec) { s.Source, s.Entrypoint = infrav1.ModuleSourceRemote, &entrypoint }).refused(t)
		g.Expect(err.Reason()).To(Equal(ReasonFilePathInvalid))
		g.Expect(err.Error()).To(Equal("entrypoint of WorkspaceTemplate vpc leaves the module; give a sub-folder of it"))
	}
}

// A template as CAPT 0.3 had them.
func TestTemplateOfCAPT03(t *testing.T) {
	g := NewWithT(t)
	given := newGiven(func(s spec) {
		s.Env = []infrav1.EnvVar{{Name: "HELM_REPOSITORY_CACHE", Value: text("/tmp/.helmcache")}}
		s.Vars = []infrav1.Var{{Key: "cluster_name", Value: text("${cluster_name}")}, {Key: "kubernetes_version", Value: text("1.31")}}
		s.VarFiles = []infrav1.VarFile{{
			Source: infrav1.VarFileSecretKey, Format: infrav1.FormatHCL,
			SecretKeyRef: &infrav1.KeyReference{Namespace: "team", Name: "${WORKSPACE_NAME}-vpc-connection", Key: "vpc_config"},
		}}
		s.apply.Variables = map[string]string{"cluster_name": "demo", "kubernetes_version": "1.32", "region": "eu"}
	})
	given.Apply.Name = "demo-eks-controlplane-apply"
	const vpc = "vpc_id = \"vpc-1\"\nprivate_subnets = [\"s-1\"]\n"
	given.world = world{"Secret/demo-eks-controlplane-vpc-connection/vpc_config": vpc}
	given.Outputs = map[string]Output{"vpc_id": output(`"vpc-2"`)}
	in := given.render(t)
	g.Expect(in.VarFiles).To(Equal([]VarFile{{Format: "HCL", Content: vpc}}))
	g.Expect(in.Env).To(Equal([]EnvVar{{Name: "HELM_REPOSITORY_CACHE", Value: "/tmp/.helmcache"}}))
	g.Expect(in.Variables).To(Equal([]Variable{
		{Name: "cluster_name", Text: text("demo")},
		{Name: "kubernetes_version", Text: text("1.31")},
		{Name: "region", Text: text("eu"), Optional: true},
	}))
}

func TestDigestIsStable(t *testing.T) {
	g := NewWithT(t)
	first := encoded(t, full(false))
	for range 20 {
		g.Expect(encoded(t, full(false))).To(Equal(first))
	}
	// Where order has no meaning, another order is no change.
	g.Expect(Digest(encoded(t, full(true)))).To(Equal(Digest(first)))

	changed := full(false)
	changed.world["Secret/s/j"] = "a = secret-4\nb = secret-6"
	g.Expect(Digest(encoded(t, changed))).NotTo(Equal(Digest(first)))
}

// Of several mistakes always the same is reported: a message that changes is an
// event each time.
func TestMessageIsStable(t *testing.T) {
	g := NewWithT(t)
	bad := map[string]Output{}
	for i := range 20 {
		bad["o"+strconv.Itoa(i)] = output("nonsense")
	}
	for range 20 {
		unknown := newGiven(func(s spec) {
			s.Varmap = map[string]apiextensionsv1.JSON{"a": typed(`{"a":"${a}","b":"${b}","c":"${c}"}`), "b": typed(`"${d}"`)}
		})
		g.Expect(unknown.refused(t).Error()).To(HavePrefix("varmap[a] of WorkspaceTemplate vpc uses ${a}, "))
		given := newGiven(nil)
		given.Outputs = bad
		g.Expect(given.refused(t).Error()).To(HavePrefix("output o0 is not"))
	}
}

// full has some of everything, its lists the other way round if reversed.
func full(reversed bool) given {
	given := newGiven(func(s spec) {
		s.Varmap, s.apply.Values, s.apply.Variables = map[string]apiextensionsv1.JSON{}, map[string]apiextensionsv1.JSON{}, map[string]string{}
		object := `{"a": 1, "b": {"c": [], "d": "<&>"}}`
		if reversed {
			object = "{\n\"b\": {\"d\":\"<&>\",\"c\":[ ]},\n\"a\":1}"
		}
		for i := range 20 {
			n := strconv.Itoa(i)
			s.Varmap["m"+n], s.apply.Values["v"+n], s.apply.Variables["t"+n] = typed(object), typed(object), "x"
		}
		s.Env = []infrav1.EnvVar{{Name: "B", SecretKeyRef: secretKey("s", "k")}, {Name: "A", Value: text("x")}}
		s.Files = []infrav1.File{{Path: "z", SecretKeyRef: secretKey("s", "k")}, {Path: "a", SecretKeyRef: secretKey("s", "j")}}
		s.Vars = []infrav1.Var{{Key: "y", Value: text("x")}, {Key: "x", Value: text("x")}}
		if reversed {
			slices.Reverse(s.Env)
			slices.Reverse(s.Files)
			slices.Reverse(s.Vars)
		}
	})
	given.world = world{"Secret/s/k": `{"q":"secret-1","p":["secret-2","secret-3"]}`, "Secret/s/j": "a = secret-4\nb = secret-5"}
	given.Outputs = map[string]Output{}
	for i := range 20 {
		given.Outputs["o"+strconv.Itoa(i)] = Output{Value: fmt.Appendf(nil, `{"a":"output-%d"}`, i), Sensitive: true}
	}
	return given
}

func encoded(t *testing.T, s given) []byte {
	t.Helper()
	data, err := s.render(t).Encode()
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return data
}

func TestInputsThatAreTooLarge(t *testing.T) {
	g := NewWithT(t)
	given := newGiven(func(s spec) { s.Files = []infrav1.File{{Path: "big", SecretKeyRef: secretKey("s", "k")}} })
	given.world = world{"Secret/s/k": strings.Repeat("\x00", 700<<10)}
	g.Expect(given.render(t).Files).To(HaveLen(1))
	given.world = world{"Secret/s/k": strings.Repeat("\x00", 800<<10)}
	err := given.refused(t)
	g.Expect(err.Reason()).To(Equal(ReasonInputsTooLarge))
	g.Expect(err.Error()).To(ContainSubstring("more than the 1024 KiB of a Secret"))
}

// Operators look reasons up by this list.
func TestReasonsIsComplete(t *testing.T) {
	g := NewWithT(t)
	file, err := parser.ParseFile(token.NewFileSet(), "errors.go", nil, 0)
	g.Expect(err).NotTo(HaveOccurred())
	var declared []string
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Reason") && spec.Names[0].Name != "Reasons" {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			g.Expect(err).NotTo(HaveOccurred())
			declared = append(declared, value)
		}
		return true
	})
	g.Expect(declared).NotTo(BeEmpty())
	g.Expect(Reasons).To(ConsistOf(declared))
	g.Expect(declared).To(HaveEach(MatchRegexp(`^[A-Z][A-Za-z]+$`)))
}
