package tofu

import (
	"testing"

	. "github.com/onsi/gomega"
)

func TestArguments(t *testing.T) {
	for _, tc := range []struct {
		name string
		got  []string
		want []string
	}{{
		name: "fetching a module touches neither backend nor other modules",
		got:  fromModuleArgs("git::https://example.com/m.git?ref=v1"),
		want: []string{"init", "-json", "-input=false", "-no-color", "-backend=false", "-get=false", "-from-module=git::https://example.com/m.git?ref=v1"},
	}, {
		name: "init",
		got:  initArgs(InitOptions{Args: []string{"-upgrade"}}),
		want: []string{"init", "-json", "-input=false", "-no-color", "-upgrade"},
	}, {
		name: "plan",
		got:  planArgs(PlanOptions{Out: "/run/plan", Args: []string{"-target=a.b"}}),
		want: []string{"plan", "-json", "-input=false", "-no-color", "-detailed-exitcode", "-out=/run/plan", "-target=a.b"},
	}, {
		name: "plan of a destruction",
		got:  planArgs(PlanOptions{Out: "/run/plan", Destroy: true}),
		want: []string{"plan", "-json", "-input=false", "-no-color", "-detailed-exitcode", "-out=/run/plan", "-destroy"},
	}, {
		name: "plan without the lock",
		got:  planArgs(PlanOptions{Out: "/run/plan", Unlocked: true, Args: []string{"-target=a.b"}}),
		want: []string{"plan", "-json", "-input=false", "-no-color", "-detailed-exitcode", "-out=/run/plan", "-lock=false", "-target=a.b"},
	}, {
		name: "apply takes the plan last",
		got:  applyArgs(ApplyOptions{Plan: "/run/plan", Args: []string{"-parallelism=2"}}),
		want: []string{"apply", "-json", "-input=false", "-no-color", "-parallelism=2", "/run/plan"},
	}, {
		name: "validate",
		got:  validateArgs(),
		want: []string{"validate", "-json", "-no-color"},
	}, {
		name: "output",
		got:  outputArgs(),
		want: []string{"output", "-json", "-no-color"},
	}} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(tc.got).To(Equal(tc.want))
			g.Expect(Started(append([]string{"/usr/bin/opentofu"}, tc.got...))).To(BeTrue())
		})
	}
}

func TestOtherProgramsAreNotOpenTofu(t *testing.T) {
	g := NewWithT(t)
	for _, command := range [][]string{nil, {"tofu"}, {"terraform-provider-x"}, {"kubectl", "get", "-json"}, {"tofu", "apply", "plan"}} {
		g.Expect(Started(command)).To(BeFalse(), "%v", command)
	}
}

func TestEnvironment(t *testing.T) {
	g := NewWithT(t)
	g.Expect(Environment("/run/home", "/run/tofurc", "AWS_REGION=eu-west-1", "HOME=/root")).To(Equal([]string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"AWS_REGION=eu-west-1",
		"HOME=/root",
		"HOME=/run/home",
		"TF_IN_AUTOMATION=1",
		"TF_INPUT=0",
		"TF_CLI_CONFIG_FILE=/run/tofurc",
		"CHECKPOINT_DISABLE=1",
	}))
}

func TestReserved(t *testing.T) {
	for name, want := range map[string]bool{
		"TF_HTTP_PASSWORD":     true,
		"TF_CLI_ARGS":          true,
		"TF_CLI_ARGS_plan":     true,
		"TF_LOG":               true,
		"TF_LOG_PATH":          true,
		"TF_DATA_DIR":          true,
		"TF_WORKSPACE":         true,
		"HOME":                 true,
		"TF_VAR_region":        false,
		"TF_TOKEN_example_com": false,
		"TF_LOGICAL":           false,
		"AWS_ACCESS_KEY_ID":    false,
		"PATH":                 false,
		"HTTPS_PROXY":          false,
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(Reserved(name)).To(Equal(want))
		})
	}
}

func TestCLIConfig(t *testing.T) {
	g := NewWithT(t)
	const none = "disable_checkpoint = true\n"
	installed := func(methods string) string { return none + "provider_installation {\n" + methods + "}\n" }
	const mirror, plugins = "  filesystem_mirror {\n    path = \"/mirror\"\n  }\n", "  filesystem_mirror {\n    path = \"/plugins\"\n  }\n"
	const network = "  network_mirror {\n    url = \"https://mirror.example.com/providers/\"\n  }\n"
	for _, tc := range []struct {
		installation Installation
		config       string
		downloads    bool
	}{
		{Installation{}, none, true},
		{Installation{Plugins: "/plugins"}, installed(plugins + "  direct {\n  }\n"), true},
		{Installation{Mirror: "/mirror"}, installed(mirror), false},
		{Installation{Mirror: "https://mirror.example.com/providers"}, installed(network), true},
		{Installation{Mirror: "https://mirror.example.com/providers/", Plugins: "/plugins"}, installed(plugins + network), true},
	} {
		g.Expect(tc.installation.CLIConfig()).To(Equal(tc.config))
		g.Expect(tc.installation.Downloads()).To(Equal(tc.downloads))
		g.Expect(tc.installation.Validate()).To(Succeed())
	}
	for _, mirror := range []string{"mirror", "http://mirror.example.com/", "https://", "file:///mirror",
		"https://me:hush@mirror.example.com/", "https://me:hush%@mirror.example.com/"} {
		g.Expect(Installation{Mirror: mirror}.Validate()).To(MatchError(And(ContainSubstring("https URL"), Not(ContainSubstring("hush")))), mirror)
	}
}
