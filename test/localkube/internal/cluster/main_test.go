package cluster

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/captproject/capt/test/localkube/internal/process"
	"github.com/captproject/capt/test/localkube/internal/testkit"
)

func TestMain(m *testing.M) {
	process.RunIfLaunched()
	os.Exit(m.Run())
}

// newClusters has the programs etcd and kube-apiserver as these shell scripts, or does not have them if empty.
func newClusters(t *testing.T, etcdScript, apiServerScript string) Clusters {
	t.Helper()
	assets := t.TempDir()
	for program, script := range map[string]string{etcd: etcdScript, apiServer: apiServerScript} {
		if script == "" {
			continue
		}
		content := []byte("#!/bin/sh\n" + script + "\n")
		NewWithT(t).Expect(os.WriteFile(filepath.Join(assets, program), content, 0o700)).To(Succeed())
	}
	return newClustersWith(t, assets)
}

// newClustersWith ends at the end of the test whatever the test has left.
func newClustersWith(t *testing.T, assets string) Clusters {
	t.Helper()
	g := NewWithT(t)
	clusters, err := New(assets, filepath.Join(t.TempDir(), "data"))
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { g.Expect(testkit.EndProcesses(clusters.dataDir)).To(Succeed()) })
	return clusters
}

func left(clusters Clusters) []string {
	files, _ := filepath.Glob(filepath.Join(clusters.dataDir, "*"))
	return files
}

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
