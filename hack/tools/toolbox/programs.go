package toolbox

import (
	"path"
	"runtime"
	"strings"
)

// Names of the programs, for [Ensure] and [Programs.Path].
const (
	Etcd              = "etcd"
	KubeAPIServer     = "kube-apiserver"
	Kubectl           = "kubectl"
	ClusterAPICore    = "cluster-api-core"
	Clusterctl        = "clusterctl"
	Tofu              = "tofu"
	LocalkubeProvider = "terraform-provider-localkube"
	GolangciLint      = "golangci-lint"
	ControllerGen     = "controller-gen"

	// What a node and what makes it useful take; built only when asked for.
	Kubelet               = "kubelet"
	KubeScheduler         = "kube-scheduler"
	KubeControllerManager = "kube-controller-manager"
	Containerd            = "containerd"
	ContainerdShim        = "containerd-shim-runc-v2"
	Ctr                   = "ctr"
)

// Environment variables that change where programs come from.
const (
	// ToolsDirVariable names the folder of built programs; default is
	// capt/tools in the user's cache directory.
	ToolsDirVariable = "CAPT_TOOLS_DIR"
	// AssetsVariable names a folder that holds etcd, kube-apiserver and
	// kubectl, as setup-envtest lays it out.
	AssetsVariable = "KUBEBUILDER_ASSETS"
	// TofuVariable and ClusterctlVariable each name an executable.
	TofuVariable       = "CAPT_TOFU"
	ClusterctlVariable = "CAPT_CLUSTERCTL"
)

// Inside the folder of cluster-api-core and of the provider.
const (
	crdsDir    = "crd"
	webhookDir = "webhook"
	mirrorDir  = "mirror"

	localkubeVersion = "0.1.0"
)

// program is one thing to build.
type program struct {
	name string
	// dir is the folder of the go.mod that pins it, below the checkout.
	dir string
	// pkg is its main package.
	pkg string
	// module is the required module that pkg belongs to and that gives the
	// program its version; empty for a program whose source lies in dir.
	module string
	// stamp makes linker flags out of the module's version.
	stamp func(version string) []string
	// tags are build tags, separated by commas.
	tags string
	// file is the executable below the program's folder; default is name.
	file string
	// carried are folders of the module to keep beside the executable, as
	// folder in the module → folder below the program's own.
	carried map[string]string
	// optional programs are built only when asked for by name.
	optional bool
}

// catalogue lists the quick builds first, so that a broken machine shows
// early, and those that share packages next to each other.
func catalogue() []program {
	kube := stampKube("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
	clusterAPI := stampKube("sigs.k8s.io/cluster-api/version")
	programs := []program{
		{name: LocalkubeProvider, dir: "test/localkube", pkg: ".", file: mirrorFile()},
		{name: Etcd, dir: "hack/tools/etcd", pkg: "go.etcd.io/etcd/server/v3", module: "go.etcd.io/etcd/server/v3"},
		{name: Kubectl, dir: "hack/tools/kubernetes", pkg: "k8s.io/kubernetes/cmd/kubectl", module: "k8s.io/kubernetes", stamp: kube},
		{name: KubeAPIServer, dir: "hack/tools/kubernetes", pkg: "k8s.io/kubernetes/cmd/kube-apiserver", module: "k8s.io/kubernetes", stamp: kube},
		{
			name: ClusterAPICore, dir: "hack/tools/cluster-api", pkg: "sigs.k8s.io/cluster-api/core", module: "sigs.k8s.io/cluster-api", stamp: clusterAPI,
			carried: map[string]string{"core/config/crd/bases": crdsDir, "core/config/webhook": webhookDir},
		},
		{name: Clusterctl, dir: "hack/tools/cluster-api", pkg: "sigs.k8s.io/cluster-api/cmd/clusterctl", module: "sigs.k8s.io/cluster-api", stamp: clusterAPI},
		{name: Tofu, dir: "hack/tools/opentofu", pkg: "github.com/opentofu/opentofu/cmd/tofu", module: "github.com/opentofu/opentofu", stamp: stampTofu},
		{name: GolangciLint, dir: "hack/tools/lint", pkg: ".", optional: true},
		{name: ControllerGen, dir: "hack/tools/generate", pkg: "sigs.k8s.io/controller-tools/cmd/controller-gen", module: "sigs.k8s.io/controller-tools", optional: true},
	}
	for _, name := range []string{Kubelet, KubeScheduler, KubeControllerManager} {
		programs = append(programs, program{name: name, dir: "hack/tools/kubernetes", pkg: "k8s.io/kubernetes/cmd/" + name, module: "k8s.io/kubernetes", stamp: kube, optional: true})
	}
	for _, name := range []string{Containerd, ContainerdShim, Ctr} {
		programs = append(programs, program{
			name: name, dir: "hack/tools/containerd", pkg: containerdModule + "/cmd/" + name, module: containerdModule, stamp: stampContainerd,
			tags: "no_btrfs,no_devmapper", optional: true,
		})
	}
	return programs
}

// stampKube sets the variables that Kubernetes' own build scripts set in a
// version package. The commit is not known to the module, so that it says
// "archive" as they do for a source without git.
func stampKube(packages ...string) func(string) []string {
	return func(version string) []string {
		major, rest, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
		minor, _, _ := strings.Cut(rest, ".")
		var flags []string
		for _, p := range packages {
			flags = append(flags,
				"-X", p+".gitVersion="+version,
				"-X", p+".gitMajor="+major,
				"-X", p+".gitMinor="+minor,
				"-X", p+".gitCommit=unknown",
				"-X", p+".gitTreeState=archive",
				"-X", p+".buildDate=1970-01-01T00:00:00Z",
			)
		}
		return flags
	}
}

// stampTofu makes a release of OpenTofu, which carries its version itself.
func stampTofu(string) []string {
	return []string{"-X", "github.com/opentofu/opentofu/version.dev=no"}
}

const containerdModule = "github.com/containerd/containerd/v2"

// stampContainerd sets what containerd's own makefile sets.
func stampContainerd(version string) []string {
	return []string{"-X", containerdModule + "/version.Version=" + version}
}

// mirrorFile is the provider's place in an unpacked filesystem mirror, as
// https://opentofu.org/docs/cli/config/config-file/#provider-installation
// lays it down.
func mirrorFile() string {
	return path.Join(mirrorDir, "registry.opentofu.org/captproject/localkube", localkubeVersion,
		runtime.GOOS+"_"+runtime.GOARCH, LocalkubeProvider+"_v"+localkubeVersion)
}

func (p program) executable() string {
	if p.file != "" {
		return p.file
	}
	return p.name
}
