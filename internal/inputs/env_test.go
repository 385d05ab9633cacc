package inputs

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/tofu"
)

func TestEnvironment(t *testing.T) {
	g := NewWithT(t)
	given := newGiven(func(s spec) {
		s.apply.Variables = map[string]string{"region": "eu"}
		s.Env = []infrav1.EnvVar{
			{Name: "Z_LAST", Value: text("${region}-1")},
			{Name: "EMPTY", Value: text("")},
			{Name: "AWS_KEY", SecretKeyRef: secretKey("aws", "key")},
			{Name: "FROM_CONFIG", ConfigMapKeyRef: secretKey("settings", "proxy")},
		}
	})
	given.world = world{"Secret/aws/key": "hidden-key\n", "ConfigMap/settings/proxy": "shown-proxy"}
	in := given.render(t)
	g.Expect(in.Env).To(Equal([]EnvVar{
		{Name: "AWS_KEY", Value: "hidden-key\n"},
		{Name: "EMPTY", Value: ""},
		{Name: "FROM_CONFIG", Value: "shown-proxy"},
		{Name: "Z_LAST", Value: "eu-1"},
	}))
	g.Expect(in.Secrets).To(Equal([]string{"hidden-key"}))
}

func TestEnvironmentThatIsRefused(t *testing.T) {
	for name, advice := range map[string]string{
		"TF_CLI_ARGS":               "initArgs",
		"TF_CLI_ARGS_plan":          "initArgs",
		"TF_CLI_CONFIG_FILE":        "CLI configuration",
		"TERRAFORM_CONFIG":          "CLI configuration",
		"TF_DATA_DIR":               "directories of its own",
		"HOME":                      "directories of its own",
		"TF_WORKSPACE":              "state",
		"TF_HTTP_ADDRESS":           "state",
		"TF_HTTP_PASSWORD":          "state",
		"TF_STATE_PERSIST_INTERVAL": "state",
		"TF_INPUT":                  "nobody",
		"TF_IN_AUTOMATION":          "nobody",
		"CHECKPOINT_DISABLE":        "sets it for every run",
		"COMP_LINE":                 "nobody",
		"TF_PLUGIN_CACHE_DIR":       "providers",
		"TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE": "providers",
		"TF_REATTACH_PROVIDERS":                          "providers",
		"TF_DISABLE_PLUGIN_TLS":                          "providers",
		"TF_LOG":                                         "secrets",
		"TF_LOG_PROVIDER":                                "secrets",
		"TF_TEMP_LOG_PATH":                               "secrets",
		"TOFU_CPU_PROFILE":                               "secrets",
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			err := newGiven(func(s spec) { s.Env = []infrav1.EnvVar{{Name: name, Value: text("value")}} }).refused(t)
			g.Expect(err.Reason()).To(Equal(ReasonArgumentRefused))
			g.Expect(err.Error()).To(And(HavePrefix("env["+name+"] of WorkspaceTemplate vpc is refused: "), ContainSubstring(advice)))
		})
	}
	for _, name := range []string{"TF_VAR_x", "TF_TOKEN_example_com", "TF_REGISTRY_CLIENT_TIMEOUT", "TF_CLI", "TF_LOGIN", "AWS_PROFILE", "HTTPS_PROXY", "PATH", "HOMEPAGE"} {
		_, refused := refusedEnv(name)
		NewWithT(t).Expect(refused).To(BeFalse(), name)
	}
}

// A variable that a run sets itself must be refused here, not lost there.
func TestEnvironmentOfARunCannotBeSet(t *testing.T) {
	for _, variable := range tofu.Environment("/home", "/config") {
		name, _, _ := strings.Cut(variable, "=")
		if _, refused := refusedEnv(name); !refused && name != "PATH" {
			t.Errorf("%s is set by a run and not refused", name)
		}
	}
}

func TestEnvironmentMustBeText(t *testing.T) {
	for name, content := range map[string]string{"not UTF-8": "hidden\xff", "zero byte": "hidden\x00"} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			given := newGiven(func(s spec) { s.Env = []infrav1.EnvVar{{Name: "A", SecretKeyRef: secretKey("s", "k")}} })
			given.world = world{"Secret/s/k": content}
			err := given.refused(t)
			g.Expect(err.Reason()).To(Equal(ReasonVariableInvalid))
			g.Expect(err.Error()).To(HavePrefix("env[A] of WorkspaceTemplate vpc refers to something that is not text"))
			g.Expect(err.Error()).NotTo(ContainSubstring("hidden"))
		})
	}
}
