package inputs

import (
	"cmp"
	"context"
	"slices"
	"strings"
)

// variablePrefix begins the names of those environment variables that give a
// value to a variable of the module.
const variablePrefix = "TF_VAR_"

// env reads the environment.
func (r *renderer) env(ctx context.Context, in *Inputs) error {
	for _, v := range r.module().Env {
		field := "env[" + v.Name + "]"
		if advice, refused := refusedEnv(v.Name); refused {
			return fail(ReasonArgumentRefused, "%s is refused: %s", r.at(field), advice)
		}
		var value string
		var err error
		if v.Value != nil {
			value, err = r.substitutes.in(r.at(field), *v.Value)
		} else {
			value, err = r.text(ctx, field, v.ConfigMapKeyRef, v.SecretKeyRef)
		}
		if err != nil {
			return err
		}
		if variable, ok := strings.CutPrefix(v.Name, variablePrefix); ok {
			r.mapped[variable] = true
		}
		in.Env = append(in.Env, EnvVar{Name: v.Name, Value: value})
	}
	slices.SortFunc(in.Env, func(a, b EnvVar) int { return cmp.Compare(a.Name, b.Name) })
	return nil
}

// refusedVariables are those through which OpenTofu would leave the rails that
// a run lays for it. A name that ends in * stands for all that begin so.
var refusedVariables = []struct{ names, advice string }{
	{"TF_CLI_ARGS*", "give arguments in initArgs, planArgs, applyArgs and destroyArgs"},
	{"TF_CLI_CONFIG_FILE TERRAFORM_CONFIG", "each run has a CLI configuration of its own, which says where providers come from"},
	{"TF_PLUGIN_CACHE* TF_REATTACH_PROVIDERS TF_DISABLE_PLUGIN_TLS", "how providers are found and started is the same for all runs"},
	{"TF_DATA_DIR HOME", "each run has directories of its own; a file of credentials can be one of files"},
	{"TF_WORKSPACE TF_HTTP_* TF_STATE_PERSIST_INTERVAL", "the state of each WorkspaceTemplateApply is kept by CAPT"},
	{"TF_INPUT TF_IN_AUTOMATION CHECKPOINT_DISABLE COMP_LINE", "nobody is there to answer, and CAPT sets it for every run"},
	{"TF_LOG TF_LOG_* TF_TEMP_LOG_PATH TOFU_CPU_PROFILE", "what it shows is full of secrets; reproduce the problem outside of CAPT"},
}

// refusedEnv tells whether an environment variable is refused, and what to do
// instead.
func refusedEnv(name string) (advice string, refused bool) {
	for _, r := range refusedVariables {
		for pattern := range strings.FieldsSeq(r.names) {
			prefix, wild := strings.CutSuffix(pattern, "*")
			if name == pattern || wild && strings.HasPrefix(name, prefix) {
				return r.advice, true
			}
		}
	}
	return "", false
}
