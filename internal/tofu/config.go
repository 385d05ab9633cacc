package tofu

import (
	"fmt"
	"strconv"
)

// CLIConfig is the content of OpenTofu's CLI configuration file. With a mirror
// (a directory of unpacked providers) that is the only place providers come
// from; with "" they come from their registries.
func CLIConfig(mirror string) string {
	const common = "disable_checkpoint = true\n"
	if mirror == "" {
		return common
	}
	return common + fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %s\n  }\n}\n", strconv.Quote(mirror))
}
