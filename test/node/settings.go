package node

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/captproject/capt/hack/tools/toolbox"
)

const (
	// Name is the name of the node.
	Name = "node"

	pauseImage = "capt.test/pause:latest"

	containerdSocket = runDir + "/containerd/containerd.sock"
)

// files are the settings of containerd, the pod network and the kubelet, by
// their names in the node's directory.
func (n *Node) files() map[string]string {
	return map[string]string{
		"containerd.toml":   n.containerdConfig(),
		"cni/pods.conflist": cniConfig,
		"kubelet.yaml":      n.kubeletConfig(),
	}
}

func (n *Node) writeFiles(files map[string]string) error {
	for name, content := range files {
		path := n.dir(name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return fmt.Errorf("write the settings of the node: %w", err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return fmt.Errorf("write the settings of the node: %w", err)
		}
	}
	return nil
}

// containerdConfig restricts the OOM scores, since without CAP_SYS_RESOURCE
// nobody may lower them.
func (n *Node) containerdConfig() string {
	return fmt.Sprintf(`version = 4
root = %q
disabled_plugins = ['io.containerd.nri.v1.nri', 'io.containerd.internal.v1.opt']
imports = []

[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = %q

[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = 'io.containerd.runc.v2'
  runtime_path = %q

[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = [%q]
  conf_dir = %q
`, n.dir("containerd"), pauseImage, n.programs.Path(toolbox.ContainerdShim), cniDir, n.dir("cni"))
}

// cniConfig is a network of its own for the pods, which leads to the node and
// no further.
const cniConfig = `{
  "cniVersion": "1.0.0",
  "name": "pods",
  "plugins": [{
    "type": "bridge",
    "bridge": "` + bridge + `",
    "isGateway": true,
    "ipam": {
      "type": "host-local",
      "dataDir": "` + runDir + `/pod-addresses",
      "ranges": [[{"subnet": "` + PodNetwork + `"}]],
      "routes": [{"dst": "0.0.0.0/0"}]
    }
  }]
}
`

// PodNetwork is where pods have their addresses.
const PodNetwork = "10.88.0.0/16"

// kubeletConfig evicts nothing, however full the machine's disk is.
func (n *Node) kubeletConfig() string {
	return fmt.Sprintf(`apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: 127.0.0.1
containerRuntimeEndpoint: unix://%s
cgroupDriver: cgroupfs
cgroupRoot: %s
failCgroupV1: false
failSwapOn: false
makeIPTablesUtilChains: false
resolvConf: ""
podLogsDir: %s
volumePluginDir: %s
imageGCHighThresholdPercent: 100
evictionHard:
  memory.available: 0%%
  nodefs.available: 0%%
  nodefs.inodesFree: 0%%
  imagefs.available: 0%%
  imagefs.inodesFree: 0%%
`, containerdSocket, n.cgroup, n.podLogs(), n.dir("volume-plugins"))
}
