package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/gomega"
)

// traces are the processes and files of the environment that are there for the
// namespace: runners and localkube clusters have its name, which nothing else
// has, in their arguments or paths.
func (s *sandbox) traces() []string {
	s.Helper()
	arguments, err := filepath.Glob("/proc/[0-9]*/cmdline")
	s.Expect(err).NotTo(HaveOccurred())
	var found []string
	for _, path := range arguments {
		content, err := os.ReadFile(path)
		if err == nil && bytes.Contains(content, []byte(s.ns)) {
			found = append(found, strings.ReplaceAll(string(content), "\x00", " "))
		}
	}
	left, err := env.Leftovers()
	s.Expect(err).NotTo(HaveOccurred())
	for _, line := range left {
		if strings.Contains(line, s.ns) {
			found = append(found, line)
		}
	}
	return found
}
