package environment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/captproject/capt/hack/tools/toolbox"
)

const (
	// managerName is CAPT's manager: its program, its log and its user.
	managerName = "capt-manager"
	// runnerName is the program that carries out runs.
	runnerName       = "capt-runner"
	managerNamespace = "capt-system"
)

// StartManager starts CAPT's manager and returns when it is ready. It may be
// stopped and started any number of times.
func (e *Environment) StartManager(ctx context.Context) error {
	if e.manager != nil {
		return errors.New("CAPT's manager has been started already")
	}
	manager, health, err := e.startManager(ctx, ManagerOptions{})
	if err != nil {
		return err
	}
	e.manager = manager
	go e.watch(manager)
	return manager.waitReady(ctx, func(ctx context.Context) error { return probe(ctx, "http://"+health+"/readyz") })
}

// startManager starts a manager and returns where it tells its health.
func (e *Environment) startManager(ctx context.Context, options ManagerOptions) (*process, string, error) {
	kubeconfig := options.Kubeconfig
	if kubeconfig == "" {
		var err error
		if kubeconfig, err = e.ManagerKubeconfig(ctx); err != nil {
			return nil, "", err
		}
	}
	port, err := freePort()
	if err != nil {
		return nil, "", err
	}
	health := fmt.Sprintf("127.0.0.1:%d", port)
	args := append([]string{
		"--kubeconfig=" + kubeconfig,
		"--leader-elect", "--leader-election-namespace=" + managerNamespace,
		"--metrics-bind-address=0",
		"--health-probe-bind-address=" + health,
		"--tofu=" + e.Programs.Path(toolbox.Tofu),
		"--provider-mirror=" + e.Programs.ProviderMirror,
		"--work-dir=" + e.path("runs"),
	}, append(e.managerArgs, options.Args...)...)
	cmd := exec.Command(cmp.Or(options.Program, e.path("bin", managerName)), args...)
	cmd.Env = e.variables(options.Variables...)
	manager, err := startProcess(cmd, e.LogDir, cmp.Or(options.Name, managerName))
	return manager, health, err
}

// StopManager sends the signal to CAPT's manager, if it runs, and waits for its
// end. The runs that it has started go on.
func (e *Environment) StopManager(signal os.Signal) error {
	if e.manager == nil {
		return nil
	}
	manager := e.manager
	e.manager = nil
	return manager.stop(signal)
}

// ManagerPID is the process id of CAPT's manager; 0 while it is stopped.
func (e *Environment) ManagerPID() int {
	if e.manager == nil {
		return 0
	}
	return e.manager.cmd.Process.Pid
}

// ManagerKubeconfig is the path of the kubeconfig of CAPT's user, who has
// exactly the rights of config/rbac.
func (e *Environment) ManagerKubeconfig(ctx context.Context) (string, error) {
	return e.path(managerName + ".kubeconfig"), e.ensureIdentity(ctx)
}

// ensureIdentity makes the manager's user with its rights and its kubeconfig.
func (e *Environment) ensureIdentity(ctx context.Context) error {
	if e.hasIdentity {
		return nil
	}
	user, err := e.plane.AddUser(envtest.User{Name: managerName}, nil)
	if err != nil {
		return fmt.Errorf("make the user of CAPT's manager: %w", err)
	}
	if err := writeKubeconfig(user, e.path(managerName+".kubeconfig")); err != nil {
		return err
	}
	objects, err := e.rights()
	if err != nil {
		return err
	}
	for _, object := range objects {
		if err := e.Client.Create(ctx, object); err != nil {
			return fmt.Errorf("make the rights of CAPT's manager: %w", err)
		}
	}
	e.hasIdentity = true
	return nil
}

// rights are the generated ClusterRole and nothing else.
func (e *Environment) rights() ([]client.Object, error) {
	path := filepath.Join(e.Programs.checkout, "config", "rbac", "role.yaml")
	manifests, err := readManifests(path)
	if err != nil {
		return nil, err
	}
	objects := []client.Object{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: managerNamespace}}}
	for _, manifest := range manifests {
		role, ok := manifest.(*rbacv1.ClusterRole)
		if !ok {
			return nil, fmt.Errorf("%s: expected nothing but ClusterRoles, found a %T", path, manifest)
		}
		objects = append(objects, role, &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: role.Name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: managerName}},
		})
	}
	return objects, nil
}

func probe(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}
