// Package node adds a real node to a management cluster of package
// environment: kubelet, containerd and runc, kube-scheduler and
// kube-controller-manager, so that Jobs, Deployments, ServiceAccount tokens and
// garbage collection are those of production.
//
// Promise: nothing of it is reachable from elsewhere, and nothing of it is left.
// Everything, the tests included, runs in a network and a mount namespace made
// for them (see Isolated), which vanish with the last process in them, and with
// them the addresses, the pod network and what is mounted. Containers are in a
// cgroup of the environment, by which its guard finds and ends them even after
// a SIGKILL. Settings of the machine's kernel are not changed.
//
// Images are built from static programs (see Image); no registry is asked. Pods
// must say imagePullPolicy Never.
//
// Trade-off: there is no kube-proxy and no DNS. The one Service that works is
// kubernetes.default, because its address is that of the API server. There are
// neither `kubectl logs` nor `kubectl exec`; Logs reads what a container wrote.
// It needs root and a few Debian packages (see requirements.go).
package node
