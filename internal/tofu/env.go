package tofu

import (
	"slices"
	"strings"
)

// searchPath is where OpenTofu and its providers find git, sh and the like.
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Environment is the whole environment of a run, as os/exec takes it. home is
// a directory of the run's own, so that nobody's ~/.terraform.d is read,
// cliConfig the file made by CLIConfig. More is added as it is; of two
// variables with one name the later wins, so put what must not be changed last.
func Environment(home, cliConfig string, more ...string) []string {
	env := make([]string, 0, len(more)+6)
	env = append(env, "PATH="+searchPath)
	env = append(env, more...)
	return append(env,
		"HOME="+home,
		"TF_IN_AUTOMATION=1",
		"TF_INPUT=0",
		"TF_CLI_CONFIG_FILE="+cliConfig,
		"CHECKPOINT_DISABLE=1",
	)
}

// SoftMemoryLimit is what a Go program is to be told, as GOMEMLIMIT, if it may have so
// many bytes at most: left alone it lets its heap grow to twice of what is in use, and is
// ended by the limit. The rest is for what Go does not count.
func SoftMemoryLimit(most int64) int64 { return most / 100 * 85 }

// reserved are the variables through which OpenTofu could be made to leave the
// rails that a run lays for it: its state, its arguments, its directories, its
// log (which shows secrets).
var reserved = []string{
	"HOME", "CHECKPOINT_DISABLE",
	"TERRAFORM_CONFIG", "TF_CLI_CONFIG_FILE", "TF_CLI_ARGS", "TF_CLI_ARGS_*",
	"TF_DATA_DIR", "TF_WORKSPACE", "TF_INPUT", "TF_IN_AUTOMATION",
	"TF_HTTP_*", "TF_LOG", "TF_LOG_*", "TF_TEMP_LOG_PATH", "TOFU_CPU_PROFILE",
	"TF_REATTACH_PROVIDERS", "TF_STATE_PERSIST_INTERVAL",
}

// Reserved reports whether an environment variable belongs to the run and can
// not be chosen by whoever wrote the module.
func Reserved(name string) bool {
	return slices.ContainsFunc(reserved, func(r string) bool {
		prefix, wild := strings.CutSuffix(r, "*")
		return name == r || wild && strings.HasPrefix(name, prefix)
	})
}
