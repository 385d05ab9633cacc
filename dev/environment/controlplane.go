package environment

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/captproject/capt/hack/tools/toolbox"
)

// planeBound is how long etcd and kube-apiserver may take to start, and to
// stop, each.
const planeBound = 2 * time.Minute

// auditPolicy records every request of CAPT's manager, of its runners, who share
// its credential, and of Cluster API core, once it is answered. See Requests.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  users: [` + managerName + `, ` + coreName + `]
- level: None
`

// startControlPlane starts etcd and kube-apiserver and makes the client.
func (e *Environment) startControlPlane(change func(*envtest.APIServer)) error {
	etcdLog, err := openLog(e.LogDir, "etcd")
	if err != nil {
		return err
	}
	defer func() { _ = etcdLog.Close() }()
	serverLog, err := openLog(e.LogDir, "kube-apiserver")
	if err != nil {
		return err
	}
	defer func() { _ = serverLog.Close() }()
	if err := os.WriteFile(e.path("audit-policy.yaml"), []byte(auditPolicy), 0o600); err != nil {
		return fmt.Errorf("write the audit policy: %w", err)
	}

	e.plane = e.controlPlane()
	if change != nil {
		change(e.plane.APIServer)
	}
	e.plane.Etcd.Out, e.plane.Etcd.Err = etcdLog, etcdLog
	e.plane.APIServer.Out, e.plane.APIServer.Err = serverLog, serverLog
	if err := e.plane.Start(); err != nil {
		return fmt.Errorf("start etcd and kube-apiserver: %w\n%s\n%s", err, tail(etcdLog.Name()), tail(serverLog.Name()))
	}
	return e.connect()
}

// controlPlane describes etcd and kube-apiserver, every path of theirs below
// the root directory.
func (e *Environment) controlPlane() envtest.ControlPlane {
	plane := envtest.ControlPlane{
		KubectlPath: e.Programs.Path(toolbox.Kubectl),
		Etcd: &envtest.Etcd{
			Path: e.Programs.Path(toolbox.Etcd), DataDir: e.path("etcd"),
			StartTimeout: planeBound, StopTimeout: planeBound,
		},
		APIServer: &envtest.APIServer{
			Path: e.Programs.Path(toolbox.KubeAPIServer), CertDir: e.path("apiserver"),
			StartTimeout: planeBound, StopTimeout: planeBound,
		},
	}
	plane.APIServer.Configure().
		Set("audit-policy-file", e.path("audit-policy.yaml")).
		Set("audit-log-path", e.auditLog())
	return plane
}

func (e *Environment) auditLog() string { return filepath.Join(e.LogDir, "audit.jsonl") }

// connect makes the administrator's kubeconfig and client.
func (e *Environment) connect() error {
	// No rate limit of our own: tests and the benchmark measure others.
	admin, err := e.plane.AddUser(envtest.User{Name: "admin", Groups: []string{"system:masters"}}, &rest.Config{QPS: -1})
	if err != nil {
		return fmt.Errorf("make the administrator: %w", err)
	}
	if err := writeKubeconfig(admin, e.Kubeconfig); err != nil {
		return err
	}
	e.Config = admin.Config()
	if e.Client, err = client.NewWithWatch(e.Config, client.Options{Scheme: Scheme()}); err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	return nil
}

func writeKubeconfig(user *envtest.AuthenticatedUser, path string) error {
	content, err := user.KubeConfig()
	if err != nil {
		return fmt.Errorf("make %s: %w", filepath.Base(path), err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return fmt.Errorf("write a kubeconfig: %w", err)
	}
	return nil
}
